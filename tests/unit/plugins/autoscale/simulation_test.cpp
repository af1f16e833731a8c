// autoscale's policy against load as it comes: traces replayed in a simulated server.
#include "simulation.hpp"

#include <catch2/catch.hpp>

namespace autoscale {
namespace {

constexpr int64_t kMinute = 60 * kSecond;

// Lets the load of `trace` end at `end`, and checks what holds for every trace.
void finish(Simulation& trace, const Server& server, int64_t end) {
  trace.clients(end, 0);
  trace.run_until(end + 30 * kSecond);
  CHECK(trace.target() == server.minimum);
  CHECK(trace.alive() == server.minimum);
  CHECK(trace.pending_timers() == 0);
  CHECK(trace.most_alive() <= server.maximum);
  CHECK(trace.answered() == trace.asked());
  CHECK(trace.busy_retired() == 0);
}

size_t growths(const Simulation& trace) {
  return static_cast<size_t>(std::count_if(trace.changes().begin(), trace.changes().end(),
                                           [](const TargetChange& change) { return change.to > change.from; }));
}

TEST_CASE("a step from 10 to 500 clients has its workers as fast as they can be forked") {
  Server server;
  server.maximum = 600;
  server.memory_limit = 32'000 * kMegabyte;
  Simulation trace(server);
  trace.clients(0, 10);
  trace.run_until(kMinute);
  CHECK(trace.alive() <= 12);
  CHECK(trace.longest_wait(kSecond) < 60 * kMillisecond);
  trace.clients(kMinute, 500);
  trace.run_until(2 * kMinute);
  // To wait 10 ms and to fork 490, one after the other: at the first look all of them are asked for.
  const int64_t full = trace.time_of(500, kMinute);
  REQUIRE(full > 0);
  CHECK(full - kMinute < 20 * kMillisecond + 490 * server.fork + server.boot);
  CHECK(growths(trace) <= 4);
  CHECK(trace.most_alive() <= 512);
  CHECK(trace.longest_wait(kMinute + 2 * kSecond) < server.service);
  finish(trace, server, 2 * kMinute);
}

TEST_CASE("the maximum bounds a step, and what waits is served by what there is") {
  const Server server;
  Simulation trace(server);
  trace.clients(0, 10);
  trace.clients(10 * kSecond, 500);
  trace.run_until(kMinute);
  CHECK(trace.most_alive() == server.maximum);
  CHECK(trace.longest_wait(20 * kSecond) < 500 * server.service / server.maximum + server.service);
  finish(trace, server, kMinute);
}

TEST_CASE("a ramp is followed upwards without a step back") {
  const Server server;
  Simulation trace(server);
  for (unsigned second = 0; second < 60; ++second) trace.clients(second * kSecond, second);
  trace.run_until(kMinute);
  for (const TargetChange& change : trace.changes()) CHECK(change.to > change.from);
  CHECK(trace.target() >= 55);
  CHECK(trace.longest_wait(0) < 2 * server.service);
  finish(trace, server, kMinute);
}

TEST_CASE("a spike of a second is one way up and one way down") {
  const Server server;
  Simulation trace(server);
  trace.clients(0, 1);
  trace.clients(20 * kSecond, 200);
  trace.clients(21 * kSecond, 1);
  trace.run_until(kMinute);
  CHECK(trace.most_alive() == server.maximum);
  CHECK(trace.target() == server.minimum);
  CHECK(growths(trace) <= 2);
  CHECK(trace.changes().size() <= 6);
  finish(trace, server, kMinute);
}

TEST_CASE("a sawtooth faster than the idle time holds the number instead of following it") {
  const Server server;
  Simulation trace(server);
  for (int tooth = 0; tooth < 30; ++tooth) {
    for (unsigned step = 0; step < 8; ++step) trace.clients((tooth * 4 + step / 2) * kSecond, 5 + step * 5);
  }
  trace.run_until(10 * kSecond);
  const size_t settled = trace.changes().size();
  trace.run_until(2 * kMinute);
  CHECK(trace.changes().size() - settled <= 6);
  CHECK(trace.longest_wait(20 * kSecond) < server.service);
  finish(trace, server, 2 * kMinute);
}

TEST_CASE("load that comes and goes costs a growth each time it comes, at most") {
  const Server server;
  Simulation trace(server);
  constexpr int kTimes = 10;
  for (int time = 0; time < kTimes; ++time) {
    trace.clients(time * kMinute, 40);
    trace.clients(time * kMinute + 20 * kSecond, 0);
  }
  trace.run_until(kTimes * kMinute);
  CHECK(growths(trace) <= 2 * kTimes);
  CHECK(trace.changes().size() <= 5 * kTimes);
  finish(trace, server, kTimes * kMinute);
}

TEST_CASE("load that comes and goes within the idle time is one growth") {
  const Server server;
  Simulation trace(server);
  for (int second = 0; second < 60; second += 4) {
    trace.clients(second * kSecond, 40);
    trace.clients((second + 2) * kSecond, 0);
  }
  trace.run_until(kMinute);
  CHECK(growths(trace) <= 2);
  CHECK(trace.changes().size() <= 2);
  finish(trace, server, kMinute);
}

TEST_CASE("the memory budget is never passed, whatever waits") {
  for (const unsigned gateways : {1U, 4U}) {
    Server server;
    server.gateways = gateways;
    server.fork = 100 * kMillisecond;  // so that they look again while workers boot
    server.memory_limit = 1'000 * kMegabyte;
    server.memory_of_others = 500 * kMegabyte;
    Simulation trace(server);
    for (int second = 0; second < 60; second += 6) {
      trace.clients(second * kSecond, 500);
      trace.clients((second + 3) * kSecond, 20);
    }
    trace.run_until(kMinute);
    CHECK(trace.most_memory() <= 900 * kMegabyte);
    CHECK(trace.most_alive() >= 18);
    CHECK(trace.held_back() > 0);
    finish(trace, server, kMinute);
  }
}

TEST_CASE("requests faster than queue_wait need no more workers") {
  Server server;
  server.service = 2 * kMillisecond;
  Simulation trace(server);
  trace.clients(0, 8);
  trace.run_until(kMinute);
  CHECK(trace.changes().empty());
  finish(trace, server, kMinute);
}

TEST_CASE("eight gateways come to the number that one comes to") {
  Server one;
  one.gateways = 1;
  Server eight;
  eight.gateways = 8;
  Simulation alone(one);
  Simulation together(eight);
  for (Simulation* trace : {&alone, &together}) {
    trace->clients(0, 40);
    trace->run_until(kMinute);
  }
  CHECK(alone.target() == together.target());
  CHECK(together.changes().size() <= alone.changes().size() + 1);
  finish(together, eight, kMinute);
}

TEST_CASE("with a master that is slow to act no gateway decides the same thing twice") {
  Server server;
  server.gateways = 8;
  server.reaction = 2 * kSecond;
  Simulation trace(server);
  trace.clients(0, 40);
  trace.clients(20 * kSecond, 8);
  trace.run_until(20 * kSecond);
  CHECK(trace.target() == 40);
  trace.run_until(kMinute);
  CHECK(trace.target() >= 8);
  CHECK(trace.target() <= 9);
  CHECK(trace.changes().size() <= 8);
  CHECK(trace.longest_wait(20 * kSecond) < server.service);
  finish(trace, server, kMinute);
}

TEST_CASE("a slow client after the rush keeps what it needs, and nobody takes a worker from it") {
  const Server server;
  Simulation trace(server);
  trace.clients(0, 60);
  trace.clients(5 * kSecond, 1);
  trace.run_until(40 * kSecond);
  CHECK(trace.target() == server.minimum);
  CHECK(trace.longest_wait(10 * kSecond) == 0);
  finish(trace, server, kMinute);
}

}  // namespace
}  // namespace autoscale
