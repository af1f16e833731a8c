#include "gateway/timers.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace askr::gateway {
namespace {

struct Recorder final : Timed {
  void on_timeout(Timeout kind) override { fired.push_back(kind); }
  std::vector<Timeout> fired;
};

}  // namespace

TEST_CASE("a timer fires once, when its deadline has passed") {
  Timers timers;
  Recorder owner;
  Timer timer(owner);
  timers.arm(timer, Timeout::idle, 100);
  CHECK(timers.until_next(40) == 60);
  timers.expire(99);
  CHECK(owner.fired.empty());
  timers.expire(100);
  timers.expire(500);
  CHECK(owner.fired == std::vector{Timeout::idle});
  CHECK(timers.until_next(500) < 0);
}

TEST_CASE("arming again replaces the old deadline and kind") {
  Timers timers;
  Recorder owner;
  Timer timer(owner);
  timers.arm(timer, Timeout::head, 10);
  timers.arm(timer, Timeout::body, 50);
  timers.expire(20);
  CHECK(owner.fired.empty());
  timers.expire(50);
  CHECK(owner.fired == std::vector{Timeout::body});
}

TEST_CASE("deadlines out of order within a kind fire in order") {
  Timers timers;
  Recorder first;
  Recorder second;
  Timer late(first);
  Timer early(second);
  timers.arm(late, Timeout::request, 200);
  timers.arm(early, Timeout::request, 100);
  CHECK(timers.until_next(0) == 100);
  timers.expire(150);
  CHECK(first.fired.empty());
  CHECK(second.fired.size() == 1);
}

TEST_CASE("the first timer of a kind can be fired before its time") {
  Timers timers;
  Recorder first;
  Recorder second;
  Timer late(first);
  Timer early(second);
  Timer other(second);
  timers.arm(late, Timeout::idle, 200);
  timers.arm(early, Timeout::idle, 100);
  timers.arm(other, Timeout::head, 50);
  CHECK(timers.expire_first(Timeout::idle));
  CHECK(second.fired == std::vector{Timeout::idle});
  CHECK(timers.expire_first(Timeout::idle));
  CHECK(first.fired == std::vector{Timeout::idle});
  CHECK_FALSE(timers.expire_first(Timeout::idle));
  CHECK(other.armed());
}

TEST_CASE("a timer that goes out of scope is cancelled") {
  Timers timers;
  Recorder owner;
  {
    Timer timer(owner);
    timers.arm(timer, Timeout::send, 1);
  }
  timers.expire(10);
  CHECK(owner.fired.empty());
}

TEST_CASE("an owner may arm its timer again while it fires") {
  struct Repeating final : Timed {
    explicit Repeating(Timers& timers_in) : timers(timers_in), timer(*this) {}
    void on_timeout(Timeout kind) override {
      ++count;
      timers.arm(timer, kind, 1'000);
    }
    Timers& timers;
    Timer timer;
    int count = 0;
  };
  Timers timers;
  Repeating owner(timers);
  timers.arm(owner.timer, Timeout::idle, 1);
  timers.expire(5);
  CHECK(owner.count == 1);
  CHECK(timers.until_next(5) == 995);
}

}  // namespace askr::gateway
