#include "exchange/wake_ups.hpp"

#include <catch2/catch.hpp>
#include <initializer_list>

#include "fixture.hpp"

namespace askr::exchange {
namespace {

constexpr uint32_t kFast = 2 * kMicrosecond;

// Three workers: the first one is awake and takes 2 us for a request, the others sleep.
struct Workers : TestExchange {
  Workers() : TestExchange({1, 3, 64}), gateway(*exchange, 0) {
    for (unsigned worker = 0; worker < 3; ++worker) {
      assigned(worker).pid = 1;
      sleep(worker).parked = 1;
      exchange->workers()[worker].state = ProcessState::idle;
    }
    sleep(0).parked = 0;
    awake().request_ns = kFast;
  }

  [[nodiscard]] ProcessRecord& awake() const { return exchange->workers()[0]; }
  void queue(unsigned count) {
    for (unsigned at = 0; at < count; ++at) submit(gateway, "/");
  }
  void take_one() const {
    QueueEntry taken{};
    REQUIRE(exchange->queue().pop(worker_record(), 0, taken, [] { return Takes::anything; }));
  }
  [[nodiscard]] unsigned sleeping() const {
    unsigned count = 0;
    for (unsigned worker = 0; worker < 3; ++worker) count += sleep(worker).parked;
    return count;
  }
  [[nodiscard]] WakeUps& wake_ups() { return gateway.wake_ups(); }

  GatewayPort gateway;
};

}  // namespace

TEST_CASE("nobody is woken for requests that a worker gets to in less time than waking takes") {
  Workers test;
  test.queue(20);
  CHECK(test.wake_ups().wake_needed(0) == 0);
  CHECK(test.sleeping() == 2);
}

TEST_CASE("workers are woken for the requests beyond those") {
  Workers test;
  test.queue(26);
  CHECK(test.wake_ups().wake_needed(0) == 0);
  CHECK(test.sleeping() == 1);
  test.queue(10);
  CHECK(test.wake_ups().wake_needed(0) == 10);  // the one just woken is not counted on yet
  CHECK(test.sleeping() == 0);
}

TEST_CASE("each request wakes a worker where that is the safe thing to do") {
  Workers test;
  SECTION("requests are long") {
    test.awake().request_ns = 300 * kMicrosecond;
  }
  SECTION("nothing is known of them yet") {
    test.awake().request_ns = 0;
  }
  SECTION("the worker that is awake has been busy for long") {
    test.awake().state = ProcessState::busy;
    test.awake().last_request = -51 * kMicrosecond;
  }
  SECTION("the worker that is awake has died") {
    test.assigned(0).pid = 0;
  }
  SECTION("the worker that is awake serves no more") {
    test.assigned(0).generation = 7;
  }
  SECTION("a generation is on trial, which shall have its share") {
    test.exchange->global().canary_generation = 7;
  }
  test.queue(1);
  CHECK(test.wake_ups().wake_needed(0) == 0);
  CHECK(test.sleeping() == 1);
}

TEST_CASE("a request that was held back wakes a worker when nothing was taken for a while") {
  Workers test;
  test.queue(3);
  test.wake_ups().wake_needed(0);
  test.take_one();
  test.wake_ups().wake_needed(24 * kMicrosecond);
  test.wake_ups().wake_needed(48 * kMicrosecond);
  CHECK(test.sleeping() == 2);
  test.wake_ups().wake_needed(49 * kMicrosecond);
  CHECK(test.sleeping() == 0);
}

TEST_CASE("before the gateway sleeps a worker is woken for each request that is still there") {
  Workers test;
  test.queue(2);
  test.wake_ups().wake_needed(0);
  test.take_one();
  CHECK(test.wake_ups().wake_all() == 0);
  CHECK(test.sleeping() == 1);
  CHECK(test.wake_ups().wake_all() == 0);
  CHECK(test.sleeping() == 1);
}

TEST_CASE("a gateway that has been idle for long does not take that for a stall") {
  Workers test;
  for (const int64_t now : {int64_t{0}, kSecond}) {
    test.queue(1);
    test.wake_ups().wake_needed(now);
    CHECK(test.sleeping() == 2);
    test.take_one();
  }
}

TEST_CASE("what a request takes is learned from those that follow each other at once") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  const std::atomic<uint32_t>& average = test.exchange->workers()[0].request_ns;
  for (int count = 0; count < 3; ++count) test.submit(gateway, "/");
  WorkerPort worker(*test.exchange, 0, 1);

  REQUIRE(worker.wait() == Wait::request);
  CHECK(average == 0);
  REQUIRE(worker.wait() == Wait::request);
  CHECK(average > 0);

  test.exchange->workers()[0].request_ns = kFast;
  test.exchange->workers()[0].last_request = monotonic_now() - kSecond;  // as if the processor had been taken away
  REQUIRE(worker.wait() == Wait::request);
  CHECK(average > kFast);
  CHECK(average < 2 * kFast);
}

}  // namespace askr::exchange
