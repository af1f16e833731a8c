#include "config/toml_guard.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace {

using namespace askr::config;

TEST_CASE("UTF-8 is told from what only looks like it") {
  CHECK(first_line_not_utf8("") == 0);
  CHECK(first_line_not_utf8("plain\nh\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x98\n") == 0);
  CHECK(first_line_not_utf8("a\nb\n\x80") == 3);
  for (const char* text : {"\xc0\xaf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
                           "\xf5\x80\x80\x80", "\xe2\x82", "\xe2\x82x"}) {
    CAPTURE(text);
    CHECK(first_line_not_utf8(text) == 1);
  }
}

TEST_CASE("brackets count when they are open, not in strings and comments") {
  const std::string many(100, '[');
  CHECK(is_nested_too_deep("a = " + many));
  CHECK(is_nested_too_deep("a = [\"]\"," + many));
  CHECK_FALSE(is_nested_too_deep("a = \"" + many + "\"\nb = '" + many + "' # " + many));
  std::string sequence;
  for (int i = 0; i < 100; ++i) sequence += "[[x]]\n";
  CHECK_FALSE(is_nested_too_deep(sequence));
}

}  // namespace
