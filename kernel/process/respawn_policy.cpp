#include "process/respawn_policy.hpp"

#include <algorithm>

namespace askr::process {

int64_t RespawnPolicy::on_death(bool was_ready) {
  constexpr unsigned kEnough = 16;  // doublings
  if (was_ready) return 0;
  if (++early_deaths_ >= kGiveUp && !persists_) return -1;
  return std::min(kFirstDelay << std::min(early_deaths_ - 1, kEnough), kLongestDelay);
}

bool RespawnPolicy::is_worth_a_line(int64_t now) {
  if (early_deaths_ > kGiveUp && now - told_ < kTellEach) return false;
  told_ = now;
  return true;
}

}  // namespace askr::process
