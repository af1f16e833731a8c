#include "arena/owner_lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "arena/futex.hpp"
#include "base/fd.hpp"
#include "base/process_id.hpp"

namespace askr::arena {
namespace {

constexpr uint32_t kSleepers = 1U << 31;
constexpr int kSpins = 200;
// How long a sleeper trusts a silent owner before it looks whether that process still lives.
constexpr int64_t kDeathCheck = 2 * kMillisecond;

}  // namespace

bool process_is_alive(int pid) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  char text[256];
  const ssize_t size = ::read(file.get(), text, sizeof text - 1);
  if (size <= 0) return false;
  text[size] = '\0';
  const char* name_end = std::strrchr(text, ')');
  return name_end != nullptr && name_end[1] == ' ' && name_end[2] != 'Z' && name_end[2] != 'X';
}

Acquired OwnerLock::lock() {
  const auto self = static_cast<uint32_t>(process_id());
  uint32_t seen = 0;
  for (int spin = 0; spin < kSpins; ++spin) {
    seen = 0;
    if (word_.compare_exchange_weak(seen, self, std::memory_order_acquire)) return Acquired::clean;
    spin_pause();
  }
  for (;;) {
    seen = word_.load(std::memory_order_relaxed);
    if (seen == 0) {
      if (word_.compare_exchange_weak(seen, self | kSleepers, std::memory_order_acquire)) return Acquired::clean;
      continue;
    }
    if ((seen & kSleepers) == 0 && !word_.compare_exchange_weak(seen, seen | kSleepers)) continue;
    seen |= kSleepers;
    futex_wait(word_, seen, kDeathCheck);
    if (word_.load(std::memory_order_relaxed) != seen || process_is_alive(static_cast<int>(seen & ~kSleepers)))
      continue;
    if (word_.compare_exchange_strong(seen, self | kSleepers, std::memory_order_acquire)) {
      return Acquired::from_dead_owner;
    }
  }
}

void OwnerLock::unlock() {
  if ((word_.exchange(0, std::memory_order_release) & kSleepers) != 0) futex_wake(word_);
}

}  // namespace askr::arena
