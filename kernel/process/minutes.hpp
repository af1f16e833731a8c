// The scheduler's clock: it runs at the start of each minute, as cron does.
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace askr::process {

inline constexpr int64_t kMinute = 60 * kSecond;

// The minute that begins at `wall` (ns since 1970) or within the second after it: the clocks that count and that wake us
// are not quite the same.
inline int64_t minute_at(int64_t wall) {
  return (wall + kSecond) / kMinute;
}

// Until the minute after that begins.
inline int64_t until_next_minute(int64_t wall) {
  return (minute_at(wall) + 1) * kMinute - wall;
}

}  // namespace askr::process
