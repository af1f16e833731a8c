// When to start a process again after it died, and when to give up.
//
// A death counts as early when the process had not become ready. The first replacement is immediate, early deaths in a
// row wait longer and longer. Before anything has served, kGiveUp of them stop the server with a message instead of
// burning a core. What serves is not stopped because nothing new can be started beside it, as after a bad deploy or
// while a database is away: it only waits, half a minute at most, and tries again.
// Deaths of processes that were ready never add up: a request that crashes its worker must not stop the server.
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace askr::process {

class RespawnPolicy {
 public:
  static constexpr unsigned kGiveUp = 8;
  static constexpr int64_t kFirstDelay = 50 * kMillisecond;
  static constexpr int64_t kLongestDelay = 30 * kSecond;
  // Of a long row of early deaths, one in so long a time is worth a line in the log.
  static constexpr int64_t kTellEach = 60 * kSecond;

  // From now on it never gives up.
  void persist() { persists_ = true; }
  void on_ready() { early_deaths_ = 0; }
  // Returns the delay before the next start, negative: give up.
  int64_t on_death(bool was_ready);
  // The last start has failed, and the next one may as well: one attempt at a time.
  [[nodiscard]] bool fails() const { return early_deaths_ > 0; }
  // After an early death: the log shall say so. The first kGiveUp, then one in kTellEach.
  bool is_worth_a_line(int64_t now);

 private:
  unsigned early_deaths_ = 0;
  int64_t told_ = 0;
  bool persists_ = false;
};

}  // namespace askr::process
