#include "process/rewind_policy.hpp"

#include <catch2/catch.hpp>

namespace askr::process {
namespace {

RewindPolicy one_that_gave_up() {
  RewindPolicy policy;
  for (unsigned worker = 0; worker < RewindPolicy::kWindow; ++worker) policy.on_failure(1);
  return policy;
}

}  // namespace

TEST_CASE("workers that fail after each request stop being rewound, and that is told once") {
  RewindPolicy policy;
  for (unsigned worker = 1; worker < RewindPolicy::kWindow; ++worker) {
    REQUIRE_FALSE(policy.on_failure(1));
    REQUIRE(policy.may_rewind());
  }
  CHECK(policy.on_failure(1));
  CHECK_FALSE(policy.pays());
  CHECK_FALSE(policy.on_failure(1));
}

TEST_CASE("workers that serve enough before they fail go on being rewound") {
  RewindPolicy policy;
  for (int worker = 0; worker < 1'000; ++worker) REQUIRE_FALSE(policy.on_failure(RewindPolicy::kEnough));
  CHECK(policy.pays());
}

TEST_CASE("what was long ago does not count") {
  RewindPolicy policy;
  for (int worker = 0; worker < 1'000; ++worker) REQUIRE_FALSE(policy.on_failure(100'000));
  unsigned failures = 1;
  while (!policy.on_failure(1)) ++failures;
  CHECK(failures <= RewindPolicy::kWindow);
}

TEST_CASE("one worker in a while tries again, and rewinding is back once it has served enough") {
  RewindPolicy policy = one_that_gave_up();
  unsigned tries = 0;
  for (unsigned worker = 0; worker < 10 * RewindPolicy::kTryEach; ++worker) tries += policy.may_rewind() ? 1 : 0;
  CHECK(tries == 10);
  CHECK_FALSE(policy.on_progress(RewindPolicy::kEnough));
  CHECK_FALSE(policy.pays());
  CHECK(policy.on_progress(1'000));
  CHECK(policy.pays());
  CHECK(policy.may_rewind());
  CHECK_FALSE(policy.on_progress(1'000));
}

TEST_CASE("after it is back, it takes as many failures as the first time to stop it") {
  RewindPolicy policy = one_that_gave_up();
  policy.on_progress(1'000);
  for (unsigned worker = 1; worker < RewindPolicy::kWindow; ++worker) REQUIRE_FALSE(policy.on_failure(1));
  CHECK(policy.on_failure(1));
}

}  // namespace askr::process
