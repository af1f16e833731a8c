// futex(2) on a 32-bit word in shared memory: sleep until another process changes it.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace askr::arena {

// Sleeps while `word` holds `expected`; returns on a wake, a signal or, if `timeout_ns` is not 0, after that long.
inline void futex_wait(std::atomic<uint32_t>& word, uint32_t expected, int64_t timeout_ns = 0) {
  timespec timeout{timeout_ns / kSecond, timeout_ns % kSecond};
  syscall(SYS_futex, &word, FUTEX_WAIT, expected, timeout_ns > 0 ? &timeout : nullptr, nullptr, 0);
}

inline void futex_wake(std::atomic<uint32_t>& word, int count = 1) {
  syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
}

// Tells the processor that we spin.
inline void spin_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace askr::arena
