// OwnerLock: a lock in shared memory that knows who holds it, for critical sections of a few instructions.
//
// The word has the owner's process id and a number that each acquisition raises, so a waiter sees whether the one that
// it waits for goes on. It spins a little, then sleeps on the futex and looks at the owner now and then. It takes the
// lock over, and is told so, when the owner
//
//   - is dead (or a zombie),
//   - is stopped or asleep at each of many looks, or
//   - has used more processor time than any critical section needs,
//
// with the same acquisition all the while; after very many looks in any case. So neither a word that somebody has
// scribbled over nor a process that was stopped inside holds anybody up for good; an owner that merely does not get a
// processor is waited for. Whoever takes a lock over must check what it protects. A former owner that goes on after all
// may still write there: when it unlocks, the lock is marked as suspect, and the next one to get it is told to check
// again. What is protected must stand that, and so do well with bounds and checksums.
// Rejected: pthread robust mutexes, whose list of held locks does not survive our way of forking.
#pragma once

#include <atomic>
#include <cstdint>

namespace askr::arena {

enum class Acquired : uint8_t {
  clean,
  from_dead_owner,  // or from one that did not progress: check what the lock protects
  busy,             // lock_within() only: not acquired
};

class OwnerLock {
 public:
  Acquired lock();
  // For a process that must not wait: gives up after `patience` ns, however often the lock changes hands meanwhile.
  // What it has seen of the owner is kept for its next try.
  Acquired lock_within(int64_t patience);
  void unlock();
  // The owner says that it is still at work, where that may take longer than some instructions. False: the lock was
  // taken from it.
  bool renew();

 private:
  bool try_lock(uint32_t& seen, uint32_t sleepers, Acquired& how);
  bool take_over(uint32_t seen);

  // Lowest bits: the owner's process id, 0 is nobody; then the number of the acquisition; highest two: see the source.
  std::atomic<uint32_t> word_{0};
};

// Does a process of that id run (a zombie does not)?
bool process_is_alive(int pid);

}  // namespace askr::arena
