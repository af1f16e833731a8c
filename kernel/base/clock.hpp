// The two clocks of the server, in nanoseconds. Monotonic for every duration and deadline (comparable between
// processes of one machine), wall for dates that people and clients see.
#pragma once

#include <ctime>

#include <cstdint>

namespace askr {

inline constexpr int64_t kMicrosecond = 1'000;
inline constexpr int64_t kMillisecond = 1'000'000;
inline constexpr int64_t kSecond = 1'000'000'000;

inline int64_t read_clock(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}
inline int64_t monotonic_now() {
  return read_clock(CLOCK_MONOTONIC);
}
inline int64_t wall_now() {
  return read_clock(CLOCK_REALTIME);
}

}  // namespace askr
