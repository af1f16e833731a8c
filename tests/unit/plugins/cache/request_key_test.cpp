// Which requests are answered with one page. docs/caching.md has what PHP can see of a request as a table; here is a
// test for each row.
#include "request_key.hpp"

#include <catch2/catch.hpp>

#include "askr/abi/plugin.h"
#include "askr/testing.hpp"
#include "request_fields.hpp"

namespace {

using namespace askr::testing;

Upstream page(Fields more = {}) {
  Upstream upstream;
  upstream.headers = {{"Content-Type", "text/html"}, {"Askr-Cache", "60"}};
  upstream.headers.insert(upstream.headers.end(), more.begin(), more.end());
  return upstream;
}

struct Site {
  explicit Site(Options more = {}) {
    more["cache.response_slots"] = "64";
    host.emplace(*askr_plugin_v1(), more);
  }
  Answer ask(const std::string& target, const Fields& fields = {}, const Upstream& upstream = page()) {
    return host->get(target, fields, upstream);
  }
  std::string seen(const std::string& target, const Fields& fields = {}, const Upstream& upstream = page()) {
    return ask(target, fields, upstream).header("X-Askr-Cache");
  }
  // Why a request passes the cache by.
  std::string bypass(const Fields& fields, const std::string& method = "GET") {
    const std::string status = host->send(method, "/", fields, {}, page()).header("Cache-Status");
    const size_t at = status.find("fwd=bypass; detail=");
    return at == std::string::npos ? "" : status.substr(at + 19);
  }
  std::optional<Host> host;
};

// Is the second request answered with the page of the first?
bool share(const Fields& first, const Fields& second) {
  Site site;
  site.seen("/", first);
  return site.seen("/", second) == "HIT";
}

// The same for requests that arrive in two ways.
template <class Change>
bool share_arrivals(Change&& change) {
  Site site;
  site.seen("/");
  change(site.host->arrival);
  return site.seen("/") == "HIT";
}

TEST_CASE("scheme, host, address and port of the server, and the protocol are in the key") {
  CHECK(share_arrivals([](Arrival&) {}));
  CHECK(share_arrivals([](Arrival& arrival) { arrival.host = "LOCALhost"; }));
  CHECK(share_arrivals([](Arrival& arrival) { arrival.client = "198.51.100.7"; }));
  CHECK_FALSE(share_arrivals([](Arrival& arrival) { arrival.host = "localhost:8080"; }));
  CHECK_FALSE(share_arrivals([](Arrival& arrival) { arrival.host = "other"; }));
  CHECK_FALSE(share_arrivals([](Arrival& arrival) { arrival.secure = true; }));
  CHECK_FALSE(share_arrivals([](Arrival& arrival) { arrival.port = 8080; }));
  CHECK_FALSE(share_arrivals([](Arrival& arrival) { arrival.server = "198.51.100.1"; }));
  CHECK_FALSE(share_arrivals([](Arrival& arrival) { arrival.minor_version = 0; }));
}

TEST_CASE("unlike spellings of a target are one page") {
  Site site;
  site.seen("/a%7e?y=2&x=%31");
  CHECK(site.seen("/a~?x=1&y=2") == "HIT");
  for (const char* other : {"/a~", "/a~?x=1", "/A~?x=1&y=2", "/a~?x=1&y=3", "/a~?x=1&y=2&y=1", "/a~/?x=1&y=2"}) {
    INFO(other);
    CHECK(site.seen(other) == "MISS");
  }
  CHECK(site.seen("/a~?") == "HIT");
}

TEST_CASE("fields by which pages learn where they are reached are in the key") {
  for (const char* name :
       {"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server",
        "X-Forwarded-Ssl", "X-Forwarded-Scheme", "X-Forwarded-Anything", "Front-End-Https", "X-Original-Host", "X-Host",
        "X-HTTP-Host-Override", "X-Scheme", "X-Url-Scheme", "X-Script-Name", "CF-Visitor", "CloudFront-Forwarded-Proto",
        "Content-Type", "x-forwarded-HOST"}) {
    INFO(name);
    CHECK(share({{name, "a"}}, {{name, "a"}}));
    CHECK_FALSE(share({{name, "a"}}, {{name, "b"}}));
    CHECK_FALSE(share({}, {{name, "a"}}));
  }
  CHECK_FALSE(share({{"X-Forwarded-Host", "a"}, {"X-Forwarded-Host", "b"}},
                    {{"X-Forwarded-Host", "b"}, {"X-Forwarded-Host", "a"}}));
}

TEST_CASE("of Forwarded, what it says of the server") {
  const auto forwarded = [](const char* value) { return Fields{{"Forwarded", value}}; };
  CHECK(share(forwarded("for=192.0.2.1;host=a;proto=https"), forwarded("for=192.0.2.2;host=a;proto=https;by=x")));
  CHECK_FALSE(share(forwarded("for=1;host=a"), forwarded("for=1;host=b")));
  CHECK_FALSE(share(forwarded("proto=http"), forwarded("proto=https")));
  CHECK_FALSE(share(forwarded("for=1, for=2;host=a"), forwarded("for=1, for=2;host=b")));
  CHECK_FALSE(share(forwarded("for=1;HOST=a"), forwarded("for=1;HOST=b")));
  CHECK_FALSE(share({}, forwarded("host=a")));
  CHECK(share(forwarded("for=\"x;host=a\""), forwarded("for=\"x;host=b\"")));
  CHECK_FALSE(share(forwarded("for=\"x\";host=\"a\""), forwarded("for=\"x\";host=\"b\"")));
}

TEST_CASE("other fields are the business of Vary") {
  for (const char* name : {"Accept", "Accept-Language", "Accept-Encoding", "User-Agent", "Referer", "Origin",
                           "X-Requested-With", "X-Forwarded-For", "X-Real-IP", "Cache-Control", "Pragma", "Priority"}) {
    INFO(name);
    CHECK(share({{name, "a"}}, {{name, "b"}}));
  }
}

TEST_CASE("Vary tells requests apart by the fields that it names") {
  const auto seen = [](const char* vary, const Fields& first, const Fields& second) {
    Site site;
    site.seen("/", first, page({{"Vary", vary}}));
    return site.seen("/", second, page({{"Vary", vary}}));
  };
  CHECK(seen("Accept-Language", {{"Accept-Language", "de"}}, {{"accept-language", "de"}}) == "HIT");
  CHECK(seen("Accept-Language", {{"Accept-Language", "de"}}, {{"Accept-Language", "fr"}}) == "MISS");
  CHECK(seen("Accept-Language", {}, {{"Accept-Language", ""}}) == "MISS");
  CHECK(seen("Accept-Language", {{"Accept-Language", ""}}, {}) == "MISS");
  CHECK(seen("Accept-Language", {{"Accept-Language", ""}}, {{"Accept-Language", ""}}) == "HIT");
  CHECK(seen("Accept-Language", {}, {}) == "HIT");
  CHECK(seen("X-A", {{"X-A", "1"}, {"X-A", "2"}}, {{"X-A", "1"}}) == "MISS");
  CHECK(seen("Accept-Encoding", {{"Accept-Encoding", "gzip"}}, {}) == "HIT");  // codings are our own business
  CHECK(seen("Cookie", {}, {}) == "HIT");
}

TEST_CASE("a page that the application has encoded is for those that take the coding, whether it says so or not") {
  for (const Fields& fields :
       {Fields{{"Content-Encoding", "gzip"}, {"Vary", "Accept-Encoding"}}, Fields{{"Content-Encoding", "gzip"}}}) {
    Site site;
    site.seen("/", {{"Accept-Encoding", "gzip"}}, page(fields));
    CHECK(site.seen("/", {}, page(fields)) == "MISS");
    const Answer hit = site.ask("/", {{"Accept-Encoding", "gzip"}});
    CHECK(hit.header("X-Askr-Cache") == "HIT");
    CHECK(hit.header("Vary") == "Accept-Encoding");
  }
  Site site;
  site.seen("/", {{"Accept-Encoding", "gzip"}}, page({{"Content-Encoding", "identity"}}));
  CHECK(site.seen("/") == "HIT");
}

TEST_CASE("requests that say who asks, or want something else than their target says, pass by") {
  Site site;
  for (const char* name : {"Authorization", "Proxy-Authorization", "X-Authorization", "X-Api-Key", "X-Auth-Token",
                           "X-Access-Token", "X-Remote-User", "Remote-User", "X-Forwarded-User", "X-Forwarded-Email",
                           "X-Forwarded-Access-Token", "x-api-KEY"}) {
    INFO(name);
    CHECK(site.bypass({{name, "x"}}) == "authorization");
  }
  for (const char* name :
       {"X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "Upgrade"}) {
    INFO(name);
    CHECK(site.bypass({{name, "x"}}) == "override");
  }
  CHECK(site.bypass({{"Cookie", "a=1"}}) == "cookie");
  CHECK(site.bypass({{"Content-Length", "1"}}) == "body");
  CHECK(site.bypass({{"Content-Length", "0"}}) == "");
  CHECK(site.bypass({{"Transfer-Encoding", "chunked"}}) == "body");
  CHECK(site.bypass({{"X-Forwarded-For", "1"}, {"Upgrade-Insecure-Requests", "1"}, {"Cookie2", "x"}}) == "");
}

TEST_CASE("an address above 8 KB passes by") {
  Site site;
  const auto seen = [&site](size_t size) { return site.ask("/" + std::string(size, 'a')).header("Cache-Status"); };
  const size_t rest = std::string("http://localhost/\nat:192.0.2.9:80").size();
  CHECK(seen(8192 - rest) == "askr; fwd=uri-miss; stored");
  CHECK(seen(8193 - rest) == "askr; fwd=bypass; detail=long-url");
}

TEST_CASE("cookies that make no difference can be named") {
  Site site(Options{{"cache.ignore_cookies", "_ga*,lang"}});
  CHECK(site.seen("/", {{"Cookie", "_ga=1; lang=de; _gat=2"}}) == "MISS");
  CHECK(site.seen("/") == "HIT");
  CHECK(site.seen("/", {{"Cookie", "lang=fr"}}) == "HIT");
  CHECK(site.bypass({{"Cookie", "lang=fr; session=1"}}) == "cookie");
  CHECK(site.bypass({{"Cookie", "language=fr"}}) == "cookie");
}

TEST_CASE("the meaning of a field goes by its name in any case") {
  using cache::FieldMeaning;
  using cache::meaning_of;
  CHECK(meaning_of("") == FieldMeaning::none);
  CHECK(meaning_of("RANGE") == FieldMeaning::range);
  CHECK(meaning_of("Ranges") == FieldMeaning::none);
  CHECK(meaning_of("if-none-match") == FieldMeaning::condition);
  CHECK(meaning_of("IF-") == FieldMeaning::condition);
  CHECK(meaning_of("If") == FieldMeaning::none);
  CHECK(meaning_of("Ifx") == FieldMeaning::none);
  CHECK(meaning_of("X-Forwarded") == FieldMeaning::none);
  CHECK(meaning_of("X-Forwarded-") == FieldMeaning::place);
  CHECK(meaning_of("X-FORWARDED-FOR") == FieldMeaning::none);
  CHECK(meaning_of("accept-encoding") == FieldMeaning::accept_encoding);
  CHECK(meaning_of("forwarded") == FieldMeaning::forwarded);
}

TEST_CASE("methods that change nothing") {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"}) {
    CHECK(cache::is_safe(method));
  }
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "BAN", "get", ""}) CHECK_FALSE(cache::is_safe(method));
}

}  // namespace
