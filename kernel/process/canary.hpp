// Does new code fail more often than the old? A judgement on two pairs of numbers, without I/O.
//
// Errors are answers of 5xx and workers that died. One or two prove nothing. From the third on the new code is taken
// back when its share of errors is above that of the old code by more than chance explains: three standard deviations
// of what the old share would give in as many requests, and five points on top. So an application that fails now and
// then can still be deployed.
#pragma once

#include <cmath>
#include <cstdint>

namespace askr::process {

struct Answers {
  uint64_t requests = 0;
  uint64_t errors = 0;

  [[nodiscard]] double error_rate() const {
    return requests == 0 ? 0 : static_cast<double>(errors) / static_cast<double>(requests);
  }
};

inline bool fails_more(const Answers& canary, const Answers& rest) {
  constexpr uint64_t kFewest = 3;
  constexpr double kPoints = 0.05;
  if (canary.errors < kFewest) return false;
  const double usual = rest.error_rate();
  const double deviation = std::sqrt(usual * (1 - usual) / static_cast<double>(canary.requests));
  return canary.error_rate() > usual + 3 * deviation + kPoints;
}

}  // namespace askr::process
