// The scheduler's clock: it runs at the start of each minute, as cron does.
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace askr::process {

inline constexpr int64_t kMinute = 60 * kSecond;

// The minute of `wall` (ns since 1970), the next one from a second before it begins: the clock that wakes us is not the
// one that says the time.
inline int64_t minute_at(int64_t wall) {
  return (wall + kSecond) / kMinute;
}

// Until the minute after that begins.
inline int64_t until_next_minute(int64_t wall) {
  return (minute_at(wall) + 1) * kMinute - wall;
}

}  // namespace askr::process
