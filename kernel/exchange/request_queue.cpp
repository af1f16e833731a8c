#include "exchange/request_queue.hpp"

namespace askr::exchange {

RequestQueue::Guard::Guard(RequestQueue& queue, arena::Acquired how)
    : queue_(queue), holds_(how != arena::Acquired::busy) {
  if (how == arena::Acquired::from_dead_owner) queue_.compact();
}

// Whoever has waited in vain does not wait so long again: others have to be served.
RequestQueue::Guard RequestQueue::Guard::briefly(RequestQueue& queue) {
  const arena::Acquired how = queue.header_->lock.lock_within(queue.patience_);
  queue.patience_ = how == arena::Acquired::busy ? kPatienceAfter : kPatience;
  return {queue, how};
}

RequestQueue::Guard::~Guard() {
  if (holds_) queue_.header_->lock.unlock();
}

bool RequestQueue::is_live(const QueueEntry& entry) const {
  if (entry.slot >= slots_.size()) return false;
  const Order& order = orders_[entry.slot];
  return slots_[entry.slot].state.load(std::memory_order_relaxed) == SlotState::queued &&
         order.ticket.load(std::memory_order_relaxed) == entry.ticket &&
         order.open.load(std::memory_order_relaxed) != 0;
}

// Drops the entries that nobody wants any more. An entry is copied before the old place is given up, and doubles are
// harmless, so dying in here only leaves work for the next one.
void RequestQueue::compact() {
  const uint32_t head = header_->head.load(std::memory_order_relaxed);
  uint32_t tail = header_->tail.load(std::memory_order_relaxed);
  if (tail - head > mask_ + 1) tail = head;  // scribbled over: the gateways' timers answer what was in it
  uint32_t kept = head;
  for (uint32_t at = head; at != tail; ++at) {
    const QueueEntry entry = entries_[at & mask_];
    if (is_live(entry)) entries_[kept++ & mask_] = entry;
  }
  header_->tail.store(kept, std::memory_order_release);
  header_->live.store(kept - head, std::memory_order_relaxed);
}

bool RequestQueue::push(uint32_t slot, uint32_t limit) {
  const Guard guard = Guard::briefly(*this);
  if (!guard) return false;
  const uint32_t live = header_->live.load(std::memory_order_relaxed);
  if (live >= limit) return false;
  if (header_->tail.load(std::memory_order_relaxed) - header_->head.load(std::memory_order_relaxed) >= mask_) compact();
  const uint32_t tail = header_->tail.load(std::memory_order_relaxed);
  entries_[tail & mask_] = {slot, orders_[slot].ticket.load(std::memory_order_relaxed)};
  slots_[slot].state.store(SlotState::queued, std::memory_order_release);
  header_->tail.store(tail + 1, std::memory_order_release);
  header_->live.store(live + 1, std::memory_order_relaxed);
  return true;
}

bool RequestQueue::push_front(uint32_t slot) {
  const Guard guard = Guard::briefly(*this);
  if (!guard) return false;
  if (header_->tail.load(std::memory_order_relaxed) - header_->head.load(std::memory_order_relaxed) >= mask_) compact();
  const uint32_t head = header_->head.load(std::memory_order_relaxed) - 1;
  entries_[head & mask_] = {slot, orders_[slot].ticket.load(std::memory_order_relaxed)};
  slots_[slot].state.store(SlotState::queued, std::memory_order_release);
  header_->head.store(head, std::memory_order_release);
  header_->live.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool RequestQueue::is_oldest_a_retry() const {
  const uint32_t tail = header_->tail.load(std::memory_order_relaxed);
  uint32_t head = header_->head.load(std::memory_order_relaxed);
  for (uint32_t steps = 0; head != tail && steps <= mask_; ++steps) {
    const QueueEntry entry = entries_[head++ & mask_];
    if (is_live(entry)) return orders_[entry.slot].attempt > 0;
  }
  return false;
}

bool RequestQueue::has_for(Takes takes) {
  if (takes != Takes::first_attempts) return takes == Takes::anything;
  const Guard guard(*this);
  return !is_oldest_a_retry();
}

bool RequestQueue::take_oldest(Takes takes, uint32_t worker, int64_t now, QueueEntry& taken) {
  if (takes == Takes::nothing || (takes == Takes::first_attempts && is_oldest_a_retry())) return false;
  uint32_t head = header_->head.load(std::memory_order_relaxed);
  const uint32_t tail = header_->tail.load(std::memory_order_relaxed);
  bool found = false;
  for (uint32_t steps = 0; head != tail && !found && steps <= mask_; ++steps) {
    const QueueEntry entry = entries_[head++ & mask_];
    if (!is_live(entry)) continue;
    Slot& slot = slots_[entry.slot];
    if (orders_[entry.slot].queue_deadline < now)
      continue;  // its gateway withdraws it by its own timer and answers 503
    header_->live.store(header_->live.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    slot.worker.store(worker + 1, std::memory_order_relaxed);
    SlotState expected = SlotState::queued;
    found = slot.state.compare_exchange_strong(expected, SlotState::running);
    if (found) taken = entry;
  }
  header_->head.store(head, std::memory_order_release);
  return found;
}

bool RequestQueue::withdraw(uint32_t slot) {
  const Guard guard = Guard::briefly(*this);
  SlotState expected = SlotState::queued;
  if (!slots_[slot].state.compare_exchange_strong(expected, SlotState::filling)) return false;
  const uint32_t live = header_->live.load(std::memory_order_relaxed);
  if (guard && live > 0) header_->live.store(live - 1, std::memory_order_relaxed);
  return true;
}

// Entries of requests that wait, each once; `found` has their slots.
uint32_t RequestQueue::count_entries(uint32_t head, uint32_t tail, std::vector<bool>& found) const {
  uint32_t count = 0;
  for (uint32_t at = head; at != tail; ++at) {
    const QueueEntry entry = entries_[at & mask_];
    if (!is_live(entry) || found[entry.slot]) continue;
    found[entry.slot] = true;
    ++count;
  }
  return count;
}

// A request whose time is over may have been taken off by a worker, and waits for its gateway to say so.
RequestQueue::Sense RequestQueue::mend(int64_t now, std::vector<uint32_t>& lost) {
  if (header_->lock.lock_within(kPatienceOfAudit) == arena::Acquired::busy) return Sense::busy;
  Sense sense = Sense::good;
  uint32_t head = header_->head.load(std::memory_order_relaxed);
  const uint32_t tail = header_->tail.load(std::memory_order_relaxed);
  if (tail - head > mask_ + 1 || header_->live.load(std::memory_order_relaxed) > slots_.size()) sense = Sense::none;
  if (tail - head > mask_ + 1) {
    header_->head.store(tail, std::memory_order_relaxed);
    head = tail;
  }
  std::vector<bool> found(slots_.size());
  uint32_t live = count_entries(head, tail, found);
  for (uint32_t at = 0; at < slots_.size(); ++at) {
    SlotState state = slots_[at].state.load(std::memory_order_relaxed);
    if (found[at] || state != SlotState::queued || orders_[at].open.load(std::memory_order_relaxed) == 0) continue;
    if (orders_[at].queue_deadline < now) {
      ++live;
    } else if (slots_[at].state.compare_exchange_strong(state, SlotState::crashed)) {
      lost.push_back(at);
    }
  }
  header_->live.store(live, std::memory_order_relaxed);
  header_->lock.unlock();
  return sense;
}

}  // namespace askr::exchange
