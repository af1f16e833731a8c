// defer, on the fake host of the SDK: what happens to callbacks, without PHP.
#include <catch2/catch.hpp>

#include "askr/abi/plugin.h"
#include "askr/testing.hpp"

namespace {

using namespace askr::testing;

Host worker(const Options& options = {}) {
  return Host(*askr_plugin_v1(), options, ASKR_ROLE_WORKER);
}

bool defer(Host& host, std::function<void()> callback) {
  return std::get<bool>(host.call("askr_defer", {Value(std::move(callback))}));
}

TEST_CASE("callbacks run at the end of their request, in order, and once") {
  Host host = worker();
  std::string ran;
  host.begin_request();
  CHECK(defer(host, [&] { ran += "a"; }));
  CHECK(defer(host, [&] { ran += "b"; }));
  CHECK(ran.empty());
  host.end_request();
  CHECK(ran == "ab");
  host.begin_request();
  host.end_request();
  CHECK(ran == "ab");
  CHECK(host.metric("askr_defer_callbacks_total") == 2);
  CHECK(host.leftovers() == 0);
}

TEST_CASE("a callback that defers another one has it run last") {
  Host host = worker();
  std::string ran;
  host.begin_request();
  defer(host, [&] {
    ran += "a";
    defer(host, [&] { ran += "nested"; });
  });
  defer(host, [&] { ran += "b"; });
  host.end_request();
  CHECK(ran == "abnested");
}

TEST_CASE("every way of failing is logged and none stops the next callback") {
  Host host = worker();
  int ran = 0;
  host.begin_request();
  defer(host, [] { throw std::runtime_error("no such user"); });
  defer(host, [] { throw FatalError{"out of memory"}; });
  defer(host, [] { throw TookTooLong{}; });
  defer(host, [] { throw Exit{}; });
  defer(host, [&] { ++ran; });
  host.end_request();
  CHECK(ran == 1);
  CHECK(host.logged("a deferred callback failed: Exception: no such user in test.php:1 (request test-request)"));
  CHECK(host.logged("a deferred callback failed: out of memory in test.php:1"));
  CHECK(host.logged("a deferred callback failed: took longer than defer.timeout"));
  CHECK(host.metric("askr_defer_failures_total") == 3);
  CHECK(host.metric("askr_defer_timeouts_total") == 1);
}

TEST_CASE("more callbacks than allowed are refused, counted, and named once") {
  Host host = worker({{"defer.max_callbacks", "2"}});
  host.begin_request();
  CHECK(defer(host, [] {}));
  CHECK(defer(host, [] {}));
  CHECK_FALSE(defer(host, [] {}));
  CHECK_FALSE(defer(host, [] {}));
  host.end_request();
  CHECK(host.metric("askr_defer_dropped_total") == 2);
  CHECK(host.log().size() == 1);
  host.begin_request();
  CHECK(defer(host, [] {}));
  host.end_request();
}

TEST_CASE("between requests there is nothing to defer to") {
  Host host = worker();
  CHECK_FALSE(defer(host, [] {}));
}

}  // namespace
