#include "process/rewind_policy.hpp"

#include <algorithm>
#include <numeric>

namespace askr::process {

bool RewindPolicy::may_rewind() {
  if (pays_) return true;
  untried_ = (untried_ + 1) % kTryEach;
  return untried_ == 0;
}

bool RewindPolicy::on_failure(uint64_t served) {
  if (!pays_) return false;
  served_[failures_++ % kWindow] = std::min<uint64_t>(served, kConvincing);
  if (failures_ < kWindow || std::accumulate(served_.begin(), served_.end(), uint64_t{0}) >= kConvincing) return false;
  pays_ = false;
  failures_ = untried_ = 0;
  return true;
}

bool RewindPolicy::on_progress(uint64_t served) {
  if (pays_ || served < kConvincing) return false;
  pays_ = true;
  return true;
}

}  // namespace askr::process
