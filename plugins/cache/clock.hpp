// Monotonic nanoseconds, coarse: a few milliseconds are nothing to a lifetime in seconds, and it costs a quarter.
#pragma once

#include <cstdint>
#include <ctime>

namespace cache {

inline constexpr int64_t kSecond = 1'000'000'000;

inline int64_t coarse_now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

inline int64_t wall_now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

}  // namespace cache
