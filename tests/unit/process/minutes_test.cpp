#include "process/minutes.hpp"

#include <catch2/catch.hpp>

namespace askr::process {

constexpr int64_t kNoon = 1'700'000'000 / 60 * kMinute;

TEST_CASE("the next minute begins where the clock shows no seconds") {
  CHECK(until_next_minute(kNoon) == kMinute);
  CHECK(until_next_minute(kNoon + 20 * kSecond) == 40 * kSecond);
  CHECK(until_next_minute(kNoon + 1) == kMinute - 1);
}

TEST_CASE("who is woken a little early does not run twice") {
  const int64_t early = kNoon - 2 * kMillisecond;
  CHECK(minute_at(early) == minute_at(kNoon));
  CHECK(until_next_minute(early) == kMinute + 2 * kMillisecond);
  CHECK(minute_at(kNoon - 2 * kSecond) == minute_at(kNoon) - 1);
}

TEST_CASE("each wake-up is in a minute of its own") {
  int64_t now = kNoon + 17 * kSecond;
  for (int run = 0; run < 100; ++run) {
    const int64_t minute = minute_at(now);
    now += until_next_minute(now);
    REQUIRE(minute_at(now) == minute + 1);
    now += run % 7 * kMillisecond;  // a busy machine
  }
}

}  // namespace askr::process
