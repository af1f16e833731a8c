#include "process/restart_policy.hpp"

#include <catch2/catch.hpp>

namespace askr::process {

TEST_CASE("a sidecar that keeps failing is started later and later, but never given up") {
  RestartPolicy policy;
  CHECK(policy.on_failure(0) == RestartPolicy::kFirstDelay);
  int64_t before = RestartPolicy::kFirstDelay;
  for (int failure = 0; failure < 1'000; ++failure) {
    const int64_t delay = policy.on_failure(kMillisecond);
    REQUIRE(delay >= before);
    REQUIRE(delay <= RestartPolicy::kLongestDelay);
    before = delay;
  }
  CHECK(before == RestartPolicy::kLongestDelay);
}

TEST_CASE("a long run or a good end makes up for failures") {
  RestartPolicy policy;
  for (int failure = 0; failure < 20; ++failure) policy.on_failure(0);
  CHECK(policy.on_failure(RestartPolicy::kSettled) == RestartPolicy::kFirstDelay);
  for (int failure = 0; failure < 20; ++failure) policy.on_failure(0);
  policy.on_success(kSecond);
  CHECK(policy.on_failure(0) == RestartPolicy::kFirstDelay);
}

TEST_CASE("after a good end the next start is at once, unless there were ten in a second") {
  RestartPolicy policy;
  CHECK(policy.on_success(kSecond) == 0);
  CHECK(policy.on_success(100 * kMillisecond) == 0);
  CHECK(policy.on_success(10 * kMillisecond) == 90 * kMillisecond);
}

}  // namespace askr::process
