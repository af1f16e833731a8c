// What the tests of autoscale start from.
#pragma once

#include "policy.hpp"

namespace autoscale {

inline constexpr int64_t kMillisecond = 1'000'000;
inline constexpr int64_t kSecond = 1'000 * kMillisecond;
inline constexpr uint64_t kMegabyte = 1 << 20;

inline constexpr Limits kDefaults{10 * kMillisecond, 10 * kSecond, 90};

// Two workers of two to sixteen, at rest; memory for a hundred.
inline askr_workers_state at_rest() {
  askr_workers_state state{};
  state.size = sizeof state;
  state.minimum = state.target = state.ready = 2;
  state.maximum = 16;
  state.worker_memory = 18 * kMegabyte;
  state.memory_limit = 4000 * kMegabyte;
  state.memory_available = 2200 * kMegabyte;
  return state;
}

}  // namespace autoscale
