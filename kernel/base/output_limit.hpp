// How much a program that runs beside the server may write into its log: a burst, and then so much a second. A loop
// gone wild must neither fill the disk nor keep the master busy. What is beyond is dropped line by line, and counted.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/clock.hpp"

namespace askr {

class OutputLimit {
 public:
  static constexpr int64_t kBurst = 1 << 20;
  static constexpr int64_t kPerSecond = 256 << 10;

  // Whether a line of so many bytes may be written at this time (monotonic ns).
  bool admits(size_t size, int64_t now) {
    refill(now);
    const auto wanted = static_cast<int64_t>(size);
    // Once it was too much, some lines follow each other again: one in a thousand would tell nothing.
    const bool fits = left_ >= (is_dropping() ? std::max(wanted, kPerSecond) : wanted);
    if (!fits) {
      ++lines_;
      bytes_ += size;
      return false;
    }
    left_ -= wanted;
    return true;
  }
  [[nodiscard]] bool is_dropping() const { return lines_ > 0; }
  // What was dropped, as a line for the log.
  std::string take_report() {
    std::string report = fmt::format("wrote more than {}K a second: {} line{} ({}K) dropped", kPerSecond >> 10, lines_,
                                     lines_ == 1 ? "" : "s", (bytes_ + 1023) >> 10);
    lines_ = bytes_ = 0;
    return report;
  }

 private:
  void refill(int64_t now) {
    const int64_t passed = std::clamp<int64_t>(now - filled_at_, 0, 10 * kSecond);
    filled_at_ = now;
    left_ = std::min(kBurst, left_ + passed / kMillisecond * kPerSecond / 1000);
    if (passed < kMillisecond) filled_at_ -= passed;  // counts the next time
  }

  int64_t left_ = kBurst, filled_at_ = 0;
  uint64_t lines_ = 0, bytes_ = 0;  // dropped since the last report
};

}  // namespace askr
