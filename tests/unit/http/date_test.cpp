#include "http/date.hpp"

#include <catch2/catch.hpp>

using askr::http::format_date;
using askr::http::parse_date;

namespace {
constexpr int64_t kExample = 784111777;  // of RFC 9110
constexpr int64_t kNow = 1760000000;     // October 2025
}  // namespace

TEST_CASE("dates are written in the fixed form") {
  CHECK(format_date(kExample) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(format_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(format_date(951782399) == "Mon, 28 Feb 2000 23:59:59 GMT");
  CHECK(format_date(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(format_date(-1) == "Wed, 31 Dec 1969 23:59:59 GMT");
}

TEST_CASE("all three forms are read") {
  CHECK(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", kNow) == kExample);
  CHECK(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", kNow) == kExample);
  CHECK(parse_date("Sun Nov  6 08:49:37 1994", kNow) == kExample);
  CHECK(parse_date("Wed Nov 16 08:49:37 1994", kNow) == kExample + 10 * 86400);
}

TEST_CASE("a year of two digits is at most fifty years ahead") {
  CHECK(format_date(*parse_date("Sunday, 06-Nov-74 08:49:37 GMT", kNow)) == "Tue, 06 Nov 2074 08:49:37 GMT");
  CHECK(format_date(*parse_date("Sunday, 06-Nov-76 08:49:37 GMT", kNow)) == "Sat, 06 Nov 1976 08:49:37 GMT");
}

TEST_CASE("what was written is read back") {
  for (int64_t seconds = 0; seconds < 5'000'000'000; seconds += 86'399'977) {
    CHECK(parse_date(format_date(seconds), kNow) == seconds);
  }
}

TEST_CASE("what is no date is refused") {
  for (const char* text : {"",
                           "Su",
                           "Sun",
                           "Sun,",
                           "now",
                           "0",
                           "Sun, 06 Nov 1994 08:49:37",
                           "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 06 nov 1994 08:49:37 GMT",
                           "Sun, 31 Feb 1994 08:49:37 GMT",
                           "Sun, 00 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:00:00 GMT",
                           "Sun, 06 Nov 1994 08:60:00 GMT",
                           "Sun, 06 Nov 1994 08:49:61 GMT",
                           "Sun, 06 Nov 1994 08:49:37 GMT ",
                           "Xyz, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov -994 08:49:37 GMT",
                           "Sunday, 06-Nov-1994 08:49:37 GMT",
                           "Sun, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov 6 08:49:37 1994",
                           "Sun Nov  6 08:49:37 94",
                           "Sunday, ",
                           "Sun "}) {
    INFO(text);
    CHECK_FALSE(parse_date(text, kNow));
  }
}
