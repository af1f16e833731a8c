// OwnerLock: a lock in shared memory that knows who holds it, for critical sections of a few instructions.
//
// The word holds the owner's process id. A waiter spins a little, then sleeps on the futex; when the owner turns out to
// be dead (or a zombie) the waiter takes the lock over and is told so, because the owner may have died in the middle:
// what the lock protects must then be checked. A lock is never taken from a living owner, however long it holds it.
// Rejected: pthread robust mutexes, whose list of held locks does not survive our way of forking.
#pragma once

#include <atomic>
#include <cstdint>

namespace askr::arena {

enum class Acquired : uint8_t { clean, from_dead_owner };

class OwnerLock {
 public:
  Acquired lock();
  void unlock();

 private:
  std::atomic<uint32_t> word_{0};  // 0: free; else owner's pid, highest bit: somebody sleeps
};

// Does a process of that id run (a zombie does not)?
bool process_is_alive(int pid);

}  // namespace askr::arena
