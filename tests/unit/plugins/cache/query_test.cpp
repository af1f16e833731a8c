// Which queries are one page. What PHP makes of a name was looked up with parse_str() of PHP 8.2.
#include "query.hpp"

#include <catch2/catch.hpp>

#include "percent.hpp"

namespace {

using cache::php_variable;

std::string query(std::string_view text, const std::vector<std::string>& ignored = {}) {
  std::string out;
  cache::append_query(text, ignored, out);
  return out;
}

TEST_CASE("a parameter goes into the variable that PHP makes of its name") {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"a", "a"},       {"a[b]", "a"},      {"a[]", "a"},   {"a[b][c]", "a"},    {"a%5Bb%5D", "a"},
      {"a%5bb]", "a"},  {"a.b", "a_b"},     {"a+b", "a_b"}, {"a%20b", "a_b"},    {"a_b", "a_b"},
      {"a%2Eb", "a_b"}, {"+a", "a"},        {"%20a", "a"},  {"a%00b", "a"},      {"a%00[b]", "a"},
      {"a[b", "a_b"},   {"a[b.c", "a_b_c"}, {"a]b", "a]b"}, {"a.b[c.d]", "a_b"}, {"A", "A"},
      {"a-b", "a-b"},   {"%61", "a"},       {"%", "%"},     {"%4", "%4"},        {"%zz", "%zz"},
      {"", ""},         {"%00a", ""},       {"[a]", ""},    {"a+", "a_"},        {"a%C3%A9", "a\xC3\xA9"},
      {"a[b]c]", "a"},  {"++", ""}};
  for (const auto& [name, variable] : table) {
    INFO(name);
    CHECK(php_variable(name) == variable);
  }
}

TEST_CASE("parameters of different variables commute") {
  CHECK(query("b=2&a=1") == "?a=1&b=2");
  CHECK(query("b=2&a=1") == query("a=1&b=2"));
  CHECK(query("b[x]=1&a=1&b[y]=2") == query("a=1&b[x]=1&b[y]=2"));
  CHECK(query("c&a_b=1&a") == "?a&a_b=1&c");
}

TEST_CASE("those of one variable stay as they were sent") {
  for (const auto& [one, other] : std::vector<std::pair<std::string, std::string>>{
           {"order[a]=1&order[b]=2", "order[b]=2&order[a]=1"},
           {"order%5Ba%5D=1&order%5Bb%5D=2", "order%5Bb%5D=2&order%5Ba%5D=1"},
           {"order[a]=1&order%5Bb%5D=2", "order%5Bb%5D=2&order[a]=1"},
           {"a=1&a=2", "a=2&a=1"},
           {"a[]=1&a[]=2", "a[]=2&a[]=1"},
           {"a[]=1&a=2", "a=2&a[]=1"},
           {"a.b=1&a_b=2", "a_b=2&a.b=1"},
           {"a+b=1&a.b=2", "a.b=2&a+b=1"},
           {"a%20b=1&a_b=2", "a_b=2&a%20b=1"},
           {"+a=1&a=2", "a=2&+a=1"},
           {"a%00x=1&a=2", "a=2&a%00x=1"},
           {"a[b=1&a_b=2", "a_b=2&a[b=1"}}) {
    INFO(one);
    CHECK(query(one) != query(other));
  }
}

TEST_CASE("where it is not known what commutes nothing is moved") {
  CHECK(query("b=1&a=2;b=3") == "?b=1&a=2;b=3");
  std::string some;
  for (int i = 100; i-- > 0;) some += (some.empty() ? "v" : "&v") + std::to_string(100 + i);
  CHECK(query(some).starts_with("?v100&v101"));
  const std::string many = "z&" + some;  // one more than PHP may be told to take
  CHECK(query(many) == "?" + many);
}

TEST_CASE("empty parameters are none, and ignored ones are left out") {
  CHECK(query("") == "");
  CHECK(query("&") == "");
  CHECK(query("a") == "?a");
  CHECK(query("&a&&b&") == "?a&b");
  CHECK(query("utm_x=1&b=2&gclid=3&a=1", {"utm_*", "gclid"}) == "?a=1&b=2");
  CHECK(query("gclid=3", {"gclid"}) == "");
  CHECK(query("gclid=3", {"gcli"}) == "?gclid=3");
}

TEST_CASE("percent-encoding has one spelling") {
  const auto normal = [](std::string_view text) {
    std::string out;
    cache::append_normal(text, out);
    return out;
  };
  CHECK(normal("%7e%61%2D%5f%2e%30%39%5A%7A%41") == "~a-_.09ZzA");
  CHECK(normal("%2f%c3%A9%20%2B%40%5B%60%7B%2F%3A") == "%2F%C3%A9%20%2B%40%5B%60%7B%2F%3A");
  CHECK(normal("100%") == "100%25");
  CHECK(normal("%4") == "%254");
  CHECK(normal("%g1%1g") == "%25g1%251g");
  CHECK(normal("plain+text") == "plain+text");
}

}  // namespace
