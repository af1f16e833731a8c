// OwnerWatch: what a waiter finds out about the process that a lock names. A private object; it looks at most once in a
// while, and counts looks rather than time, so that a waiter that does not get a processor itself, or a machine that
// was frozen, is no evidence against the owner.
#pragma once

#include <cstdint>

namespace askr::arena {

enum class Owner : uint8_t {
  at_work,  // or not known yet
  dead,
  stuck,  // it lives, and does not let go
};

class OwnerWatch {
 public:
  // The least time between two looks.
  static constexpr int64_t kPause = 2'000'000;
  // Asleep or stopped that often: what a lock protects takes some instructions, none of which sleeps.
  static constexpr unsigned kIdleLooks = 25;
  // Processor time, in ns, that nobody needs between lock() and unlock() or renew().
  static constexpr int64_t kLongestRun = 50'000'000;
  // However it looks: nobody waits for longer.
  static constexpr unsigned kMostLooks = 400;

  // `acquisition` is any number that differs from one acquisition of `lock` to the next.
  Owner look(const void* lock, uint32_t acquisition, int pid);

 private:
  const void* lock_ = nullptr;
  uint32_t acquisition_ = 0;
  unsigned looks_ = 0, idle_looks_ = 0;
  int64_t last_look_ = 0;
  int64_t cpu_time_ = 0;  // of the owner at the first look
};

}  // namespace askr::arena
