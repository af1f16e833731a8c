#include "http/ranges.hpp"

#include <catch2/catch.hpp>

using askr::http::parse_ranges;
using askr::http::RangeOutcome;

namespace {

// "0+10 50+1", "whole" or "unsatisfiable".
std::string ranges_of(std::string_view field, uint64_t size) {
  const auto request = parse_ranges(field, size);
  if (request.outcome == RangeOutcome::whole) return "whole";
  if (request.outcome == RangeOutcome::unsatisfiable) return "unsatisfiable";
  std::string text;
  for (const auto& range : request.ranges) {
    if (!text.empty()) text += ' ';
    text += std::to_string(range.first) + '+' + std::to_string(range.size);
  }
  return text;
}

}  // namespace

TEST_CASE("single ranges") {
  CHECK(ranges_of("bytes=0-9", 1000) == "0+10");
  CHECK(ranges_of("bytes=990-", 1000) == "990+10");
  CHECK(ranges_of("bytes=-10", 1000) == "990+10");
  CHECK(ranges_of("bytes=-2000", 1000) == "0+1000");
  CHECK(ranges_of("bytes=999-2000", 1000) == "999+1");
  CHECK(ranges_of("bytes=0-99999999999999999999999", 1000) == "0+1000");
  CHECK(ranges_of("Bytes= 0-9 ", 1000) == "0+10");
  CHECK(ranges_of("bytes=,0-9,", 1000) == "0+10");
}

TEST_CASE("ranges behind the end cannot be satisfied") {
  CHECK(ranges_of("bytes=1000-", 1000) == "unsatisfiable");
  CHECK(ranges_of("bytes=1000-1001", 1000) == "unsatisfiable");
  CHECK(ranges_of("bytes=-0", 1000) == "unsatisfiable");
  CHECK(ranges_of("bytes=5-", 0) == "unsatisfiable");
  CHECK(ranges_of("bytes=99999999999999999999999-", 1000) == "unsatisfiable");
  CHECK(ranges_of("bytes=2000-3000, 5000-", 1000) == "unsatisfiable");
  CHECK(ranges_of("bytes=2000-3000, 5-5", 1000) == "5+1");
}

TEST_CASE("what is empty is sent whole to those who ask for it from its start") {
  CHECK(ranges_of("bytes=0-", 0) == "whole");
  CHECK(ranges_of("bytes=0-99", 0) == "whole");
  CHECK(ranges_of("bytes=-5", 0) == "whole");
  CHECK(ranges_of("bytes=-0", 0) == "whole");
  CHECK(ranges_of("bytes=5-, 0-", 0) == "whole");
}

TEST_CASE("what is no range of bytes means the whole") {
  for (const char* field : {"", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=1", "bytes=5-2",
                            "bytes=1-2-3", "bytes=--1", "bytes=0x1-2", "bytes=1-2,x", "lines=1-2", "bytes 1-2",
                            "bytes=+1-2", "bytes=1 -2", "bytes=-1-", "bytes=1-2;3-4"}) {
    INFO(field);
    CHECK(ranges_of(field, 1000) == "whole");
  }
}

TEST_CASE("several ranges keep their order") {
  CHECK(ranges_of("bytes=500-509,0-9", 1000) == "500+10 0+10");
  CHECK(ranges_of("bytes=0-0, -1", 1000) == "0+1 999+1");
}

TEST_CASE("ranges that overlap or nearly touch become one, where the first of them stood") {
  CHECK(ranges_of("bytes=0-9,5-19", 1000) == "0+20");
  CHECK(ranges_of("bytes=0-9,10-19", 1000) == "0+20");
  CHECK(ranges_of("bytes=0-9,90-99", 1000) == "0+100");
  CHECK(ranges_of("bytes=0-9,91-99", 1000) == "0+10 91+9");
  CHECK(ranges_of("bytes=800-809,0-9,400-409,5-405", 1000) == "800+10 0+410");
  CHECK(ranges_of("bytes=0-9,300-309,600-609,10-599", 1000) == "0+610");
  CHECK(ranges_of("bytes=0-,0-,0-,0-", 1000) == "0+1000");
}

TEST_CASE("a greedy list of ranges is ignored") {
  std::string field = "bytes=0-0";
  for (unsigned i = 1; i < askr::http::kMaxRanges; ++i)
    field += "," + std::to_string(i * 1000) + "-" + std::to_string(i * 1000);
  CHECK(parse_ranges(field, 1 << 20).ranges.size() == askr::http::kMaxRanges);
  CHECK(ranges_of(field + ",999000-", 1 << 20) == "whole");
}

TEST_CASE("Content-Range counts from zero to the last byte") {
  CHECK(askr::http::content_range({0, 10}, 100) == "bytes 0-9/100");
}
