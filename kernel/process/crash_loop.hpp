// CrashLoop: workers die of faults one after the other, and none answers a request in between. That is no matter of one
// page any more: they have something in common that is broken, such as opcache's memory, which all workers of a
// generation can write to. A new generation has a new template with new memory.
//
// A page that kills its worker each time is no such thing, as long as anything else is asked for. Where nothing is,
// it costs a generation now and then: the pause between two of them grows.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"

namespace askr::process {

class CrashLoop {
 public:
  // A GET runs a second time when its worker has died, so three requests can be enough.
  static constexpr unsigned kEnough = 6;
  // Deaths that lie further apart are no row.
  static constexpr int64_t kWindow = 60 * kSecond;
  static constexpr int64_t kFirstPause = 10 * kSecond;
  static constexpr int64_t kLongestPause = 600 * kSecond;
  // After so long a time without, the pause is the first one again.
  static constexpr int64_t kForgotten = 3600 * kSecond;

  // One died of a fault. `answered`: how many requests the workers of that generation have answered so far. True: a new
  // generation is due, and has begun as far as this is concerned.
  bool on_death(uint32_t generation, uint64_t answered, int64_t now) {
    if (generation != generation_ || answered != answered_ || now - last_death_ > kWindow) deaths_ = 0;
    generation_ = generation;
    answered_ = answered;
    last_death_ = now;
    if (++deaths_ < kEnough || !may_renew(now)) return false;
    ++renewals_;
    last_renewal_ = now;
    return true;
  }
  // In this row.
  [[nodiscard]] unsigned deaths() const { return deaths_; }
  // New generations for this reason so far.
  [[nodiscard]] unsigned renewals() const { return renewals_; }

 private:
  bool may_renew(int64_t now) {
    const int64_t passed = now - last_renewal_;
    if (renewals_ == 0 || passed > kForgotten) {
      pause_ = kFirstPause;
    } else if (passed < pause_) {
      return false;
    } else {
      pause_ = std::min(2 * pause_, kLongestPause);
    }
    return true;
  }

  uint32_t generation_ = 0;
  uint64_t answered_ = 0;
  int64_t last_death_ = 0;
  unsigned deaths_ = 0;
  unsigned renewals_ = 0;
  int64_t last_renewal_ = 0;
  int64_t pause_ = kFirstPause;
};

}  // namespace askr::process
