// What the application says with Askr-Cache, and what keeps a response out of the cache.
#include "policy.hpp"

#include <catch2/catch.hpp>

#include "askr/abi/plugin.h"
#include "askr/testing.hpp"
#include "tags.hpp"

namespace {

using namespace askr::testing;
using cache::Policy;
using cache::TagClock;

Policy parse(const std::string& field) {
  return cache::parse_policy({field});
}

std::vector<uint32_t> tags(const std::vector<std::string>& names) {
  std::vector<uint32_t> indices;
  for (const std::string& name : names) indices.push_back(TagClock::index_of(name));
  return indices;
}

std::string numbered_tags(int count) {
  std::string field = "60, tags=t0";
  for (int i = 1; i < count; ++i) field += ",t" + std::to_string(i);
  return field;
}

TEST_CASE("a lifetime, tags, and two periods of grace") {
  const Policy policy = parse("60, tags=posts,homepage, swr=30, stale-if-error=600");
  CHECK(policy.refusal.empty());
  CHECK(policy.ttl == 60);
  CHECK(policy.stale_while_revalidate == 30);
  CHECK(policy.stale_if_error == 600);
  CHECK(policy.tags == tags({"posts", "homepage"}));
  CHECK(parse("1").ttl == 1);
  CHECK(parse(" 60 , SWR = 5 , Tags = a , b ").tags == tags({"a", "b"}));
  CHECK(parse("swr=5, 60").ttl == 60);
  CHECK(parse("99999999999999999999").ttl == INT64_C(10) * 366 * 86400);
  CHECK(parse("316224000").ttl == 316224000);
  CHECK(parse("316224001").ttl == 316224000);
}

TEST_CASE("what makes no sense is refused") {
  for (const char* field : {"",
                            "tags=a",
                            "swr=3",
                            "-1",
                            "soon",
                            "60s",
                            "60, 30",
                            "60, fresh=1",
                            "60, swr=x",
                            "60, swr",
                            "60, swr=-1",
                            "60, swr=",
                            "60, stale-if-error=",
                            "60, swr=1, swr=2",
                            "60, tags=a, swr=3, b",
                            "60, tags=\"a",
                            "60, tags=a\"",
                            "60, tags=\"",
                            "60, tags=a\"b\"",
                            "\"60\"",
                            "60, x",
                            "+60",
                            "6 0",
                            "1.5"}) {
    INFO(field);
    CHECK(parse(field).refusal == "bad-askr-cache");
  }
  CHECK(parse("0").refusal == "zero");
  CHECK(parse("0, swr=60").refusal == "zero");
}

TEST_CASE("several fields are one list") {
  const Policy policy = cache::parse_policy({"60, tags=a", "tags=b,c", "swr=5", "60"});
  CHECK(policy.refusal.empty());
  CHECK(policy.ttl == 60);
  CHECK(policy.stale_while_revalidate == 5);
  CHECK(policy.tags == tags({"a", "b", "c"}));
  CHECK(cache::parse_policy({"60", "30"}).refusal == "bad-askr-cache");
  CHECK(cache::parse_policy({"60, tags=a", "30"}).refusal == "bad-askr-cache");  // not a tag named 30
  CHECK(cache::parse_policy({"60, swr=1", "swr=2"}).refusal == "bad-askr-cache");
  CHECK(cache::parse_policy({"60, swr=1", "swr=1"}).refusal.empty());
  CHECK(cache::parse_policy({"tags=a", "60"}).ttl == 60);
  CHECK(cache::parse_policy({"60", "soon"}).refusal == "bad-askr-cache");
}

TEST_CASE("quotes are not a part of a tag") {
  CHECK(parse("60, tags=\"posts\"").tags == tags({"posts"}));
  CHECK(parse("60, tags=\"posts\",\"home\"").tags == tags({"posts", "home"}));
  CHECK(parse("60, tags=\"posts, home\", swr=3").tags == tags({"posts", "home"}));
  CHECK(parse("60, tags=\"posts, home\", swr=3").stale_while_revalidate == 3);
  CHECK(parse("60, tags=posts,\"a=b\"").tags == tags({"posts", "a=b"}));
  CHECK(parse("60, tags=\"\"").tags.empty());
}

TEST_CASE("a tag counts once, and there may be 64") {
  CHECK(parse("60, tags=a,b,a").tags == tags({"a", "b"}));
  CHECK(parse(numbered_tags(64)).refusal.empty());
  CHECK(parse(numbered_tags(64)).tags.size() == 64);
  CHECK(parse(numbered_tags(64) + ",t0").refusal.empty());
  CHECK(parse(numbered_tags(65)).refusal == "too-many-tags");
}

TEST_CASE("what is left of a response's time") {
  const Policy policy{.ttl = 10, .stale_while_revalidate = 3, .stale_if_error = 5};
  const auto is_over = [policy](int64_t age) {
    Policy aged = policy;
    aged.age = age;
    return aged.is_over();
  };
  CHECK_FALSE(is_over(14));
  CHECK(is_over(15));
  CHECK_FALSE(Policy{.ttl = 10, .age = 9}.is_over());
  CHECK(Policy{.ttl = 10, .age = 10}.is_over());
}

// ---------------------------------------------------------------- in the plugin

struct Site {
  Host host{*askr_plugin_v1(), {{"cache.response_slots", "16"}}};

  // What the second client sees of a page that answers like that.
  std::string second(const Fields& fields, int status = 200) {
    Upstream upstream;
    upstream.status = status;
    upstream.headers = fields;
    upstream.headers.emplace_back("Askr-Cache", "60");
    first = host.get("/", {}, upstream);
    answer = host.get("/", {}, upstream);
    return answer.header("X-Askr-Cache");
  }
  Answer first, answer;
};

std::string detail(const Fields& fields, int status = 200) {
  Site site;
  if (site.second(fields, status) == "HIT") return "stored";
  const std::string status_field = site.first.header("Cache-Status");
  return status_field.substr(status_field.find("detail=") + 7);
}

TEST_CASE("why a response is not stored") {
  CHECK(detail({}) == "stored");
  CHECK(detail({{"Cache-Control", "public, max-age=0, no-cache, x-private"}}) == "stored");
  CHECK(detail({}, 201) == "status");
  CHECK(detail({{"Cache-Control", "Private"}}) == "private");
  CHECK(detail({{"Cache-Control", "private=\"Set-Cookie\""}}) == "private");
  CHECK(detail({{"cache-control", "public"}, {"Cache-Control", "No-Store"}}) == "no-store");
  CHECK(detail({{"Vary", "Accept, *"}}) == "vary");
  CHECK(detail({{"Vary", "Accept"}, {"Vary", "*"}}) == "vary");
  CHECK(detail({{"Vary", "Accept-Language"}}) == "stored");
  CHECK(detail({{"Content-Range", "bytes 0-1/2"}}) == "partial");
  CHECK(detail({{"Age", "59"}}) == "stored");
  CHECK(detail({{"Age", "60"}}) == "age");
}

TEST_CASE("fields of one exchange are not given to others") {
  for (const char* name :
       {"Set-Cookie", "X-Request-Id", "Keep-Alive", "Proxy-Connection", "Trailer", "Upgrade", "Proxy-Authenticate",
        "Proxy-Authentication-Info", "WWW-Authenticate", "Server", "Accept-Ranges", "set-cookie"}) {
    INFO(name);
    Site site;
    CHECK(site.second({{name, "theirs"}, {"X-Kept", "y"}}) == "HIT");
    CHECK(site.answer.header(name) != "theirs");
    CHECK(site.answer.header("X-Kept") == "y");
  }
}

TEST_CASE("the age of a response goes on, and its date stays") {
  Site site;
  const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT";
  REQUIRE(site.second({{"Age", "7"}, {"Date", date}}) == "HIT");
  CHECK(site.answer.header("Age") == "7");
  CHECK(site.answer.header("Date") == date);
  CHECK(site.answer.header("Cache-Status") == "askr; hit; ttl=53");
  site.host.pass(2'000'000'000);
  CHECK(site.host.get("/").header("Age") == "9");
  for (const char* odd : {"-1", "x", "", "7x"}) {
    Site other;
    REQUIRE(other.second({{"Age", odd}}) == "HIT");
    CHECK(other.answer.header("Age") == "0");
  }
}

TEST_CASE("a response without a date gets that of its storing") {
  Site site;
  REQUIRE(site.second({}) == "HIT");
  const std::string date = site.answer.header("Date");
  CHECK(date.size() == 29);
  CHECK(date.ends_with(" GMT"));
}

}  // namespace
