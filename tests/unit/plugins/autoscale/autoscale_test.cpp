// autoscale on the fake host of the SDK: when it looks, and what it does then.
#include <catch2/catch.hpp>

#include "askr/abi/plugin.h"
#include "askr/testing.hpp"
#include "figures.hpp"

namespace autoscale {
namespace {

using namespace askr::testing;

struct Gateway {
  explicit Gateway(const askr_workers_state& state = at_rest(), const Options& options = {})
      : host(*askr_plugin_v1(), options, ASKR_ROLE_GATEWAY, {state, 0}) {}

  askr_workers_state& state() { return host.workers().state; }
  void overload(uint32_t waiting) {
    state().busy = state().ready;
    state().waiting = waiting;
    state().oldest_wait = 14 * kMillisecond;
    host.wait();
  }
  void calm_down() {
    state().busy = state().waiting = 0;
    state().ready = state().target;
    state().oldest_wait = 0;
  }

  Host host;
};

TEST_CASE("at the minimum, with nothing that waits, there is no timer") {
  Gateway gateway;
  CHECK(gateway.host.timers() == 0);
}

TEST_CASE("requests that wait make it look once, after queue_wait, and grow") {
  Gateway gateway;
  gateway.overload(7);
  gateway.host.wait();
  CHECK(gateway.host.timers() == 1);
  CHECK(gateway.state().target == 2);
  gateway.host.pass(10 * kMillisecond);
  CHECK(gateway.state().target == 9);
  CHECK(gateway.host.logged("workers 2 -> 9: 7 requests wait"));
  CHECK(gateway.host.metric("askr_autoscale_grown_total") == 7);
  CHECK(gateway.host.metric("askr_workers_target") == 9);
}

TEST_CASE("a request that was taken in time changes nothing") {
  Gateway gateway;
  gateway.overload(7);
  gateway.calm_down();
  gateway.host.pass(kSecond);
  CHECK(gateway.state().target == 2);
  CHECK(gateway.host.timers() == 0);
  CHECK(gateway.host.log().empty());
}

TEST_CASE("after silence it is back at the minimum within thirty seconds, and looks no more") {
  Gateway gateway;
  gateway.overload(7);
  gateway.host.pass(10 * kMillisecond);
  gateway.calm_down();
  gateway.host.pass(9 * kSecond);
  CHECK(gateway.state().target == 9);
  gateway.host.workers().idle = 9;
  gateway.host.pass(21 * kSecond);
  CHECK(gateway.state().target == 2);
  CHECK(gateway.host.logged("workers 9 -> 2: 9 idle for 10 s or longer"));
  CHECK(gateway.host.metric("askr_autoscale_shrunk_total") == 7);
  CHECK(gateway.host.metric("askr_workers_target") == 2);
  CHECK(gateway.host.timers() == 0);
}

TEST_CASE("a gateway that starts above the minimum looks after idle workers") {
  askr_workers_state state = at_rest();
  state.target = state.ready = 9;
  Gateway gateway(state);
  CHECK(gateway.host.timers() == 1);
  gateway.host.workers().idle = 7;
  gateway.host.pass(3 * kSecond);
  CHECK(gateway.state().target == 2);
}

TEST_CASE("too little memory is a warning, once a minute, and is looked at again") {
  Gateway gateway;
  gateway.state().memory_available = 400 * kMegabyte;
  gateway.overload(7);
  for (int second = 0; second < 50; ++second) gateway.host.pass(kSecond);
  CHECK(gateway.host.log().size() == 1);
  CHECK(gateway.host.logged("memory allows 2 of 9 wanted workers"));
  gateway.state().memory_available = 2200 * kMegabyte;
  gateway.host.pass(kSecond);
  CHECK(gateway.state().target == 9);
}

TEST_CASE("at the maximum it does not look for long") {
  Gateway gateway;
  gateway.overload(400);
  gateway.host.pass(10 * kMillisecond);
  CHECK(gateway.state().target == 16);
  gateway.calm_down();
  gateway.host.pass(100 * kMillisecond);
  CHECK(gateway.host.timers() == 1);  // the one for idle workers
}

TEST_CASE("the settings are followed") {
  Gateway gateway(at_rest(), {{"autoscale.queue_wait", "1s"}, {"autoscale.idle", "1s"}, {"autoscale.memory", "45"}});
  gateway.overload(7);
  gateway.host.pass(kSecond - 1);
  CHECK(gateway.state().target == 2);
  gateway.state().oldest_wait = kSecond;
  gateway.host.pass(1);
  CHECK(gateway.state().target == 2);  // 55 % of 4000 MB are to be kept
  CHECK(gateway.host.logged("memory allows 2 of 9 wanted workers"));
}

TEST_CASE("a gateway that drains decides nothing and leaves no timer") {
  askr_workers_state state = at_rest();
  state.target = 9;
  Gateway gateway(state);
  gateway.overload(7);
  CHECK(gateway.host.timers() == 2);
  gateway.host.drain();
  CHECK(gateway.host.timers() == 0);
  gateway.host.wait();
  CHECK(gateway.host.timers() == 0);
}

}  // namespace
}  // namespace autoscale
