#include "process/respawn_policy.hpp"

#include <catch2/catch.hpp>

namespace askr::process {

TEST_CASE("a process that had become ready is replaced at once, however often it dies") {
  RespawnPolicy policy;
  for (int death = 0; death < 1'000; ++death) REQUIRE(policy.on_death(true) == 0);
}

TEST_CASE("early deaths in a row wait longer and longer, then the server gives up") {
  RespawnPolicy policy;
  int64_t before = 0;
  for (unsigned death = 1; death < RespawnPolicy::kGiveUp; ++death) {
    const int64_t delay = policy.on_death(false);
    CHECK(delay >= before);
    CHECK(delay > 0);
    CHECK(delay <= RespawnPolicy::kLongestDelay);
    before = delay;
  }
  CHECK(policy.on_death(false) < 0);
}

TEST_CASE("one process that becomes ready ends a row of early deaths") {
  RespawnPolicy policy;
  for (int round = 0; round < 100; ++round) {
    for (unsigned death = 1; death < RespawnPolicy::kGiveUp; ++death) REQUIRE(policy.on_death(false) > 0);
    policy.on_ready();
  }
}

TEST_CASE("what serves is tried again for ever, at most half a minute apart") {
  RespawnPolicy policy;
  policy.persist();
  int64_t before = 0;
  for (int death = 0; death < 1'000; ++death) {
    const int64_t delay = policy.on_death(false);
    REQUIRE(delay >= before);
    before = delay;
  }
  CHECK(before == RespawnPolicy::kLongestDelay);
  CHECK(policy.fails());
  policy.on_ready();
  CHECK_FALSE(policy.fails());
}

TEST_CASE("of a long row of early deaths one a minute is told") {
  RespawnPolicy policy;
  policy.persist();
  int64_t now = 3'600 * kSecond;
  for (unsigned death = 0; death < RespawnPolicy::kGiveUp; ++death) {
    static_cast<void>(policy.on_death(false));
    REQUIRE(policy.is_worth_a_line(now));
  }
  int told = 0;
  for (int death = 0; death < 20; ++death) {
    now += RespawnPolicy::kLongestDelay;
    static_cast<void>(policy.on_death(false));
    told += static_cast<int>(policy.is_worth_a_line(now));
  }
  CHECK(told == 10);
}

}  // namespace askr::process
