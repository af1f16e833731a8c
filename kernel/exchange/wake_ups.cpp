#include "exchange/wake_ups.hpp"

#include <algorithm>
#include <utility>

#include "base/clock.hpp"

namespace askr::exchange {
namespace {

// Twice what a wake-up takes: a woken worker finds something to do then, and some more.
constexpr int64_t kSoon = 50 * kMicrosecond;
constexpr int64_t kStalled = 25 * kMicrosecond;

}  // namespace

unsigned WakeUps::wake_needed(int64_t now) {
  if (new_ == 0 && held_back_ == 0) return 0;
  const unsigned depth = exchange_.queue().depth();
  const unsigned wanted = std::min(new_ + held_back_, depth);
  unsigned needed = wanted;
  if (may_hold_back(now)) {
    needed = std::min(wanted, depth - std::min(depth, exchange_.taken_within(kSoon, now)));
  }
  new_ = 0;
  held_back_ = wanted - needed;
  return wake(needed);
}

unsigned WakeUps::wake_all() {
  const unsigned wanted = std::exchange(new_, 0) + std::exchange(held_back_, 0);
  return wake(std::min(wanted, exchange_.queue().depth()));
}

// Not if none is being taken. A generation on trial shall have its share of the wake-ups.
bool WakeUps::may_hold_back(int64_t now) {
  const uint32_t taken = exchange_.queue().taken();
  if (held_back_ == 0 || taken != taken_) {
    taken_ = taken;
    taken_at_ = now;
  }
  return now - taken_at_ < kStalled && exchange_.global().canary_generation.load(std::memory_order_relaxed) == 0;
}

unsigned WakeUps::wake(unsigned wanted) const {
  return wanted == 0 ? 0 : wanted - exchange_.wake_workers(wanted);
}

}  // namespace askr::exchange
