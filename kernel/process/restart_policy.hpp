// When to start a sidecar again after it ended. Unlike workers, sidecars never stop the server: the wait only grows.
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace askr::process {

class RestartPolicy {
 public:
  static constexpr int64_t kFirstDelay = 100 * kMillisecond;
  static constexpr int64_t kLongestDelay = 30 * kSecond;
  // Who ran for so long has not failed to start.
  static constexpr int64_t kSettled = 10 * kSecond;

  // After a failure: the delay before the next start.
  int64_t on_failure(int64_t ran_for);
  // After an end that is as good as any other: at once, but at most ten starts a second.
  int64_t on_success(int64_t ran_for);

 private:
  unsigned failures_ = 0;  // in a row
};

}  // namespace askr::process
