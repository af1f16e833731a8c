#include "arena/owner_lock.hpp"

#include <algorithm>

#include "arena/futex.hpp"
#include "arena/owner_watch.hpp"
#include "base/clock.hpp"
#include "base/process_id.hpp"

namespace askr::arena {
namespace {

constexpr uint32_t kOwner = (1U << 22) - 1;  // Linux gives no process a higher id
constexpr uint32_t kOneTurn = 1U << 22;
constexpr uint32_t kTurns = 255U << 22;   // raised by each acquisition
constexpr uint32_t kSuspect = 1U << 30;   // somebody from whom it was taken has been at work since
constexpr uint32_t kSleepers = 1U << 31;  // wake somebody when it is free
constexpr int kSpins = 200;

constexpr uint32_t owner_of(uint32_t word) {
  return word & kOwner;
}

constexpr uint32_t next_turn(uint32_t word) {
  return (word + kOneTurn) & kTurns;
}

uint32_t self() {
  return static_cast<uint32_t>(process_id());
}

// Kept from one call to the next, for those who give up before they know enough.
OwnerWatch watch;

}  // namespace

// False: somebody has it; `seen` is the word.
bool OwnerLock::try_lock(uint32_t& seen, uint32_t sleepers, Acquired& how) {
  seen = word_.load(std::memory_order_relaxed);
  if (owner_of(seen) != 0) return false;
  const uint32_t mine = self() | next_turn(seen) | (seen & kSleepers) | sleepers;
  how = (seen & kSuspect) != 0 ? Acquired::from_dead_owner : Acquired::clean;
  return word_.compare_exchange_weak(seen, mine, std::memory_order_acquire);
}

Acquired OwnerLock::lock() {
  return lock_within(INT64_MAX);
}

Acquired OwnerLock::lock_within(int64_t patience) {
  uint32_t seen = 0;
  Acquired how{};
  for (int spin = 0; spin < kSpins; ++spin) {
    if (try_lock(seen, 0, how)) return how;
    spin_pause();
  }
  const int64_t deadline = patience == INT64_MAX ? INT64_MAX : monotonic_now() + patience;
  for (;;) {
    // Others may sleep as well, so whoever wakes up here leaves the mark.
    if (try_lock(seen, kSleepers, how)) return how;
    const int64_t left = deadline == INT64_MAX ? OwnerWatch::kPause : deadline - monotonic_now();
    if (left <= 0) return owner_of(seen) != 0 && take_over(seen) ? Acquired::from_dead_owner : Acquired::busy;
    if (owner_of(seen) == 0) continue;
    if ((seen & kSleepers) == 0 && !word_.compare_exchange_weak(seen, seen | kSleepers)) continue;
    futex_wait(word_, seen | kSleepers, std::min(left, OwnerWatch::kPause));
    if (take_over(seen)) return Acquired::from_dead_owner;
  }
}

// If the owner in `seen` will not let go.
bool OwnerLock::take_over(uint32_t seen) {
  const uint32_t acquisition = seen & (kOwner | kTurns);
  uint32_t now = word_.load(std::memory_order_relaxed);
  if ((now & (kOwner | kTurns)) != acquisition) return false;
  if (watch.look(this, acquisition, static_cast<int>(owner_of(seen))) == Owner::at_work) return false;
  return word_.compare_exchange_strong(now, self() | next_turn(now) | kSleepers, std::memory_order_acquire);
}

void OwnerLock::unlock() {
  uint32_t seen = word_.load(std::memory_order_relaxed);
  do {
    if (owner_of(seen) != self()) {  // it was taken from us while we were in the middle of something
      word_.fetch_or(kSuspect);
      return;
    }
  } while (!word_.compare_exchange_weak(seen, seen & (kTurns | kSuspect), std::memory_order_release));
  if ((seen & kSleepers) != 0) futex_wake(word_);
}

bool OwnerLock::renew() {
  uint32_t seen = word_.load(std::memory_order_relaxed);
  do {
    if (owner_of(seen) != self()) return false;
  } while (!word_.compare_exchange_weak(seen, (seen & ~kTurns) | next_turn(seen), std::memory_order_relaxed));
  return true;
}

}  // namespace askr::arena
