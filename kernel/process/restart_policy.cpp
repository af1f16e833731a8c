#include "process/restart_policy.hpp"

#include <algorithm>

namespace askr::process {

int64_t RestartPolicy::on_failure(int64_t ran_for) {
  constexpr unsigned kEnough = 16;  // doublings
  if (ran_for >= kSettled) failures_ = 0;
  const int64_t delay = std::min(kFirstDelay << failures_, kLongestDelay);
  failures_ = std::min(failures_ + 1, kEnough);
  return delay;
}

int64_t RestartPolicy::on_success(int64_t ran_for) {
  failures_ = 0;
  return std::max<int64_t>(kFirstDelay - ran_for, 0);
}

}  // namespace askr::process
