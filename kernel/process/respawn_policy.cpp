#include "process/respawn_policy.hpp"

#include <algorithm>

namespace askr::process {

int64_t RespawnPolicy::on_death(bool was_ready) {
  if (was_ready) return 0;
  if (++early_deaths_ >= kGiveUp) return -1;
  return std::min(kFirstDelay << (early_deaths_ - 1), kLongestDelay);
}

}  // namespace askr::process
