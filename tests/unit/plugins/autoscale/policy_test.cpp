// autoscale's policy: each rule by itself.
#include "policy.hpp"

#include <catch2/catch.hpp>

#include "figures.hpp"

namespace autoscale {
namespace {

askr_workers_state overloaded(uint32_t waiting, int64_t oldest = 14 * kMillisecond) {
  askr_workers_state state = at_rest();
  state.busy = state.ready;
  state.waiting = waiting;
  state.oldest_wait = oldest;
  return state;
}

TEST_CASE("what waits too long gets a worker each, in one step") {
  const Decision decision = grow(overloaded(7), kDefaults);
  CHECK(decision.target == 9);
  CHECK(decision.why == "workers 2 -> 9: 7 requests wait, the oldest for 14 ms; 2.1 GB free, 18 MB a worker");
  CHECK(decision.held_back.empty());
  CHECK(grow(overloaded(1), kDefaults).why ==
        "workers 2 -> 3: 1 request waits, since 14 ms; 2.1 GB free, 18 MB a worker");
}

TEST_CASE("the maximum is never passed") {
  CHECK(grow(overloaded(400), kDefaults).target == 16);
}

TEST_CASE("what waits a moment only, or not at all, adds nothing") {
  CHECK(grow(overloaded(7, 9 * kMillisecond), kDefaults).target == 2);
  CHECK(grow(overloaded(0, 0), kDefaults).target == 2);
  CHECK(grow(overloaded(7, 9 * kMillisecond), kDefaults).why.empty());
}

TEST_CASE("workers that boot, or are about to look, are not added twice") {
  askr_workers_state state = overloaded(7);
  state.target = 9;
  CHECK(grow(state, kDefaults).target == 9);  // the master has not forked yet
  state.starting = 7;
  CHECK(grow(state, kDefaults).target == 9);  // they boot
  state.starting = 0;
  state.ready = 9;
  CHECK(grow(state, kDefaults).target == 9);  // they have not taken anything yet
  state.busy = 9;
  CHECK(grow(state, kDefaults).target == 16);  // they have, and others wait
}

TEST_CASE("a worker that died while others wait does not lower the target") {
  askr_workers_state state = overloaded(1);
  state.target = 9;
  state.ready = state.busy = 2;
  CHECK(grow(state, kDefaults).target == 9);
}

TEST_CASE("memory holds growth back, and what must stay free is kept") {
  askr_workers_state state = overloaded(100);
  state.memory_available = 500 * kMegabyte;  // 400 of these are kept
  const Decision decision = grow(state, kDefaults);
  CHECK(decision.target == 7);
  CHECK(decision.why == "workers 2 -> 7: 100 requests wait, the oldest for 14 ms; 500 MB free, 18 MB a worker");
  CHECK(decision.held_back ==
        "memory allows 7 of 16 wanted workers: 500 MB of 3.9 GB free, 400 MB of it kept, 18 MB a worker");
  state.memory_available = 390 * kMegabyte;
  CHECK(grow(state, kDefaults).target == 2);
  CHECK(grow(state, kDefaults).why.empty());
  CHECK_FALSE(grow(state, kDefaults).held_back.empty());
}

TEST_CASE("workers that boot have their memory still to take") {
  askr_workers_state state = overloaded(100);
  state.memory_available = 500 * kMegabyte;
  state.target = 7;
  state.starting = 5;
  CHECK(grow(state, kDefaults).target == 7);
}

TEST_CASE("scarce memory alone takes no worker away") {
  askr_workers_state state = overloaded(3);
  state.target = state.ready = state.busy = 10;
  state.memory_available = 0;
  CHECK(grow(state, kDefaults).target == 10);
}

TEST_CASE("a worker that was never measured is taken to need what a framework does") {
  askr_workers_state state = overloaded(100);
  state.worker_memory = 0;
  state.memory_available = 400 * kMegabyte + 3 * kWorkerGuess;
  const Decision decision = grow(state, kDefaults);
  CHECK(decision.target == 5);
  CHECK(decision.why.ends_with("48 MB a worker (a guess)"));
}

TEST_CASE("without a known limit memory is no concern") {
  askr_workers_state state = overloaded(7);
  state.memory_limit = state.memory_available = 0;
  CHECK(grow(state, kDefaults).target == 9);
  CHECK(grow(state, kDefaults).why == "workers 2 -> 9: 7 requests wait, the oldest for 14 ms");
}

askr_workers_state grown(uint32_t busy) {
  askr_workers_state state = at_rest();
  state.target = state.ready = 9;
  state.busy = busy;
  return state;
}

TEST_CASE("workers that rest long enough go, down to the minimum") {
  const Decision decision = shrink(grown(0), 9, kDefaults);
  CHECK(decision.target == 2);
  CHECK(decision.why == "workers 9 -> 2: 9 idle for 10 s or longer");
  CHECK(shrink(grown(3), 4, kDefaults).target == 5);
  CHECK(shrink(grown(3), 0, kDefaults).target == 9);
}

TEST_CASE("nobody goes while requests wait") {
  askr_workers_state state = grown(0);
  state.waiting = 1;
  CHECK(shrink(state, 7, kDefaults).target == 9);
}

TEST_CASE("two gateways that shrink at the same time take no worker twice") {
  askr_workers_state state = grown(4);
  state.target = shrink(state, 5, kDefaults).target;
  REQUIRE(state.target == 4);
  CHECK(shrink(state, 5, kDefaults).target == 4);  // the master has not begun
  state.ready = 7;
  CHECK(shrink(state, 3, kDefaults).target == 4);  // it has told two
  state.ready = 4;
  CHECK(shrink(state, 0, kDefaults).target == 4);  // all
}

TEST_CASE("while a dead worker is being replaced nobody goes") {
  askr_workers_state state = grown(0);
  state.ready = 8;
  CHECK(shrink(state, 8, kDefaults).target == 9);
  state.starting = 1;
  CHECK(shrink(state, 8, kDefaults).target == 2);
}

}  // namespace
}  // namespace autoscale
