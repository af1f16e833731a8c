// The one queue of the server: slot numbers in order of arrival, from all gateways to all workers.
//
// A ring under an OwnerLock. An entry is only a hint: who takes it must still win the slot's state, with the ticket of
// the entry. So a process may die at any instruction in here: the next owner of the lock counts again what is live.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "arena/owner_lock.hpp"
#include "base/clock.hpp"
#include "exchange/slot.hpp"

namespace askr::exchange {

struct QueueEntry {
  uint32_t slot;
  uint32_t ticket;
};

// In shared memory, followed by `capacity` entries.
struct QueueHeader {
  alignas(64) arena::OwnerLock lock;
  alignas(64) std::atomic<uint32_t> head;  // next to take; runs freely, masked on use
  std::atomic<uint32_t> tail;              // next to write
  std::atomic<uint32_t> live;              // entries whose slot is still queued
};

// What a worker takes now. first_attempts: nothing that has killed another worker.
enum class Takes : uint8_t { nothing, first_attempts, anything };

// A view of the queue in the arena; cheap to copy.
class RequestQueue {
 public:
  RequestQueue() = default;
  // `capacity` is a power of two and more than all slots together.
  RequestQueue(QueueHeader* header, QueueEntry* entries, uint32_t capacity, std::span<Slot> slots,
               std::span<Order> orders)
      : header_(header), entries_(entries), mask_(capacity - 1), slots_(slots), orders_(orders) {}

  // Gateways do not wait for a lock that a worker keeps, or writes to again and again, longer than that; the master's
  // audit, which waits longer, mends what it left.
  static constexpr int64_t kPatience = 500 * kMillisecond, kPatienceAfter = kMillisecond, kPatienceOfAudit = kSecond;

  // Appends a slot in state filling and makes it queued. False: `limit` requests are waiting already, or somebody keeps
  // the lock.
  bool push(uint32_t slot, uint32_t limit);
  // Puts a request that lost its worker in front of all others. False: somebody keeps the lock.
  bool push_front(uint32_t slot);
  // Takes the oldest request that is still wanted, for process record `worker`, if decide() lets it: asked under the
  // lock, it says nothing of a request that is queued later, and none such is taken. False: none.
  template <class Decide>
  bool pop(uint32_t worker, int64_t now, QueueEntry& taken, Decide&& decide) {
    const Guard guard(*this);
    return take_oldest(decide(), worker, now, taken);
  }
  // Whether the requests of a queue that is not empty are for who takes only these.
  [[nodiscard]] bool has_for(Takes takes);
  // Takes a queued slot back: true when it was still queued and is now filling. Goes without the lock if it must.
  bool withdraw(uint32_t slot);

  enum class Sense : uint8_t {
    good,
    none,  // its counts are not what the queue could ever have come to: they were set anew
    busy,  // somebody keeps the lock; nothing was looked at
  };
  // For the master. Counts again, and makes `crashed` each request that is queued by its state and by nothing else:
  // nobody knows whether a worker has begun it. These are added to `lost`.
  Sense mend(int64_t now, std::vector<uint32_t>& lost);

  [[nodiscard]] bool looks_empty() const {
    return header_->head.load(std::memory_order_relaxed) == header_->tail.load(std::memory_order_acquire);
  }
  // Runs freely: two values that differ say that requests were taken in between.
  [[nodiscard]] uint32_t taken() const { return header_->head.load(std::memory_order_relaxed); }
  [[nodiscard]] uint32_t depth() const { return header_->live.load(std::memory_order_relaxed); }

  // As it lies in shared memory.
  [[nodiscard]] QueueHeader* header() const { return header_; }

 private:
  // Holds the lock. After a dead owner the ring is compacted, which also counts it anew.
  class Guard {
   public:
    explicit Guard(RequestQueue& queue) : Guard(queue, queue.header_->lock.lock()) {}
    ~Guard();
    // As long as patience goes; false: it does not hold the lock.
    static Guard briefly(RequestQueue& queue);
    explicit operator bool() const { return holds_; }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Guard(RequestQueue& queue, arena::Acquired how);
    RequestQueue& queue_;
    bool holds_;
  };
  bool take_oldest(Takes takes, uint32_t worker, int64_t now, QueueEntry& taken);
  [[nodiscard]] bool is_oldest_a_retry() const;
  [[nodiscard]] bool is_live(const QueueEntry& entry) const;
  void compact();
  uint32_t count_entries(uint32_t head, uint32_t tail, std::vector<bool>& found) const;

  QueueHeader* header_ = nullptr;
  QueueEntry* entries_ = nullptr;
  uint32_t mask_ = 0;
  int64_t patience_ = kPatience;
  std::span<Slot> slots_;
  std::span<Order> orders_;
};

}  // namespace askr::exchange
