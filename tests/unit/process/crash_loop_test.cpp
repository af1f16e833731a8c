#include "process/crash_loop.hpp"

#include <catch2/catch.hpp>

namespace {

using askr::kSecond;
using askr::process::CrashLoop;

constexpr int64_t kStart = 1000 * kSecond;

// Deaths, a tenth of a second apart, without an answer in between; whether one of them was too many.
bool die(CrashLoop& loop, unsigned times, int64_t& now, uint32_t generation = 1, uint64_t answered = 7) {
  bool due = false;
  for (unsigned count = 0; count < times; ++count)
    due = loop.on_death(generation, answered, now += kSecond / 10) || due;
  return due;
}

}  // namespace

TEST_CASE("deaths in a row, with no answer in between, are a loop") {
  CrashLoop loop;
  int64_t now = kStart;
  CHECK_FALSE(die(loop, CrashLoop::kEnough - 1, now));
  CHECK(loop.renewals() == 0);
  CHECK(die(loop, 1, now));
  CHECK(loop.deaths() == CrashLoop::kEnough);
  CHECK(loop.renewals() == 1);
}

TEST_CASE("an answer in between begins a new row") {
  CrashLoop loop;
  int64_t now = kStart;
  for (uint64_t answered = 0; answered < 100; ++answered) {
    CHECK_FALSE(die(loop, CrashLoop::kEnough - 1, now, 1, answered));
  }
}

TEST_CASE("so does another generation, and a minute") {
  CrashLoop loop;
  int64_t now = kStart;
  for (uint32_t generation = 1; generation < 9; ++generation) {
    CHECK_FALSE(die(loop, CrashLoop::kEnough - 1, now, generation));
  }
  for (int count = 0; count < 20; ++count) {
    now += CrashLoop::kWindow;
    CHECK_FALSE(die(loop, 1, now, 9));
  }
}

TEST_CASE("however many die, new generations come later and later") {
  CrashLoop loop;
  int64_t now = kStart;
  const int64_t end = kStart + 3000 * kSecond;
  uint32_t generation = 1;
  while (now < end) generation += die(loop, 1, now, generation) ? 1 : 0;
  // At once, then after 10, 20, ... 320, 600 seconds, each with a row of its own.
  CHECK(loop.renewals() == 1 + 6 + (3000 - 630) / 600);
}

TEST_CASE("after an hour without, the next one comes at once again") {
  CrashLoop loop;
  int64_t now = kStart;
  REQUIRE(die(loop, CrashLoop::kEnough, now));
  now += 11 * kSecond;
  REQUIRE(die(loop, CrashLoop::kEnough, now));
  now += 11 * kSecond;
  REQUIRE_FALSE(die(loop, CrashLoop::kEnough, now));
  now += CrashLoop::kForgotten + kSecond;
  REQUIRE(die(loop, CrashLoop::kEnough, now));
  now += 11 * kSecond;
  CHECK(die(loop, CrashLoop::kEnough, now));
}
