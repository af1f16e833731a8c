// When to start a process again after it died, and when to give up.
//
// A death counts as early when the process had not become ready. The first replacement is immediate, early deaths in a
// row wait longer and longer, and after kGiveUp of them the server stops with a message instead of burning a core.
// Deaths of processes that were ready never add up: a request that crashes its worker must not stop the server.
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace askr::process {

class RespawnPolicy {
 public:
  static constexpr unsigned kGiveUp = 8;
  static constexpr int64_t kFirstDelay = 50 * kMillisecond;
  static constexpr int64_t kLongestDelay = 2 * kSecond;

  void on_ready() { early_deaths_ = 0; }
  // Returns the delay before the next start, negative: give up.
  int64_t on_death(bool was_ready);

 private:
  unsigned early_deaths_ = 0;
};

}  // namespace askr::process
