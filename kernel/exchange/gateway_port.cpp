#include "exchange/gateway_port.hpp"

#include <sched.h>

#include <algorithm>
#include <cstring>

#include "arena/futex.hpp"
#include "exchange/codec.hpp"

namespace askr::exchange {
namespace {

// A worker asks once a request; more at once would keep the loop.

}  // namespace

GatewayPort::GatewayPort(Exchange& exchange, unsigned gateway, Leftovers leftovers)
    : exchange_(exchange),
      sleep_(exchange.sleep(exchange.gateway_record(gateway))),
      gateway_(gateway),
      first_(gateway * exchange.slots_per_gateway()),
      count_(exchange.slots_per_gateway()),
      ready_(exchange.ready_bits(gateway).first(1)),
      broken_(count_),
      files_(count_),
      wake_ups_(exchange) {
  free_.reserve(count_);
  recover(leftovers);
}

void GatewayPort::recover(Leftovers leftovers) {
  for (uint32_t index = count_; index-- > 0;) {
    const uint32_t at = first_ + index;
    if (exchange_.orders()[at].open.load(std::memory_order_relaxed) == 0) {
      free_.push_back(at);
      continue;
    }
    await_news(index);
    switch (state(at)) {
      case SlotState::filling:
        free_slot(at);
        break;
      case SlotState::queued:
      case SlotState::running: {
        const bool may_run = leftovers == Leftovers::run && exchange_.orders()[at].spooled == 0;
        if (may_run || !withdraw(at)) abandon(at);
        break;
      }
      default:
        abandon(at);
        break;
    }
  }
}

// What the last request in this slot has left.
void GatewayPort::open(uint32_t at) {
  Slot& slot = exchange_.slots()[at];
  Order& order = exchange_.orders()[at];
  slot.state.store(SlotState::filling, std::memory_order_relaxed);
  order.ticket.fetch_add(1, std::memory_order_relaxed);
  order.open.store(1, std::memory_order_relaxed);
  order.abandoned.store(0, std::memory_order_relaxed);
  order.consumed.store(0, std::memory_order_relaxed);
  order.queued.store(monotonic_now(), std::memory_order_relaxed);
  slot.worker.store(0, std::memory_order_relaxed);
  slot.flags.store(0, std::memory_order_relaxed);
  slot.published.store(0, std::memory_order_relaxed);
  slot.started.store(0, std::memory_order_relaxed);
  broken_[at - first_] = false;
}

void GatewayPort::await_news(uint32_t index) {
  if (index / 64 >= ready_.size()) ready_ = exchange_.ready_bits(gateway_).first(index / 64 + 1);
}

// The master sees to it that what makes no sense is found: as long as there are requests.
void GatewayPort::ask_for_audit() const {
  std::atomic<uint32_t>& asked = exchange_.gateway_words().audit_asked;
  if (asked.load(std::memory_order_relaxed) == 0 && asked.exchange(1) == 0) exchange_.poke_master();
}

Submitted GatewayPort::submit(const RequestView& request, const Body& body, int64_t queue_deadline, uint32_t& taken) {
  ask_for_audit();
  if (free_.empty()) return Submitted::queue_full;
  const uint32_t at = free_.back();
  Slot& slot = exchange_.slots()[at];
  Order& order = exchange_.orders()[at];
  char* area = exchange_.request_area(at);

  const size_t head_size = encode_request(request, area, kLargestHead);
  if (head_size == 0) return Submitted::too_large;
  if (body.file == nullptr && !body.bytes.empty()) std::memcpy(area + head_size, body.bytes.data(), body.bytes.size());
  open(at);
  order.spooled = body.file != nullptr ? 1 : 0;
  order.head_size = static_cast<uint32_t>(head_size);
  order.body_size = request.body_size;
  order.attempt = 0;
  order.queue_deadline = queue_deadline;
  slot.first_byte.store(0, std::memory_order_relaxed);
  slot.done.store(0, std::memory_order_relaxed);

  files_[at - first_] = body.file;
  if (!exchange_.queue().push(at, exchange_.options().queue_size)) {
    files_[at - first_].reset();
    order.open.store(0, std::memory_order_relaxed);
    slot.state.store(SlotState::free, std::memory_order_release);
    return Submitted::queue_full;
  }
  free_.pop_back();
  await_news(at - first_);
  taken = at;
  wake_ups_.want();
  return Submitted::queued;
}

bool GatewayPort::withdraw(uint32_t slot) {
  if (!exchange_.queue().withdraw(slot)) return false;
  free_slot(slot);
  return true;
}

void GatewayPort::abandon(uint32_t slot) {
  exchange_.orders()[slot].abandoned.store(1);
  discard_if_abandoned(slot);
}

void GatewayPort::request_kill(uint32_t slot) {
  const uint32_t worker = exchange_.slots()[slot].worker.load(std::memory_order_acquire);
  if (worker == 0 || worker > exchange_.worker_records()) return;
  const uint32_t ticket = exchange_.orders()[slot].ticket.load(std::memory_order_relaxed);
  exchange_.overdue(worker - 1).store(overdue_mark(slot, ticket), std::memory_order_release);
  exchange_.poke_master();
}

bool GatewayPort::retry(uint32_t at, int64_t queue_deadline) {
  consume_all(at);
  reclaim_blocks_of(at);
  open(at);
  Order& order = exchange_.orders()[at];
  order.attempt += 1;
  order.queue_deadline = queue_deadline;
  if (!exchange_.queue().push_front(at)) {
    exchange_.slots()[at].state.store(SlotState::crashed);
    return false;
  }
  wake_ups_.want();
  return true;
}

void GatewayPort::release(uint32_t slot) {
  consume_all(slot);
  if (exchange_.slots()[slot].state.load(std::memory_order_acquire) == SlotState::crashed || broken_[slot - first_]) {
    reclaim_blocks_of(slot);
  }
  free_slot(slot);
}

void GatewayPort::free_slot(uint32_t slot) {
  files_[slot - first_].reset();
  exchange_.orders()[slot].open.store(0, std::memory_order_relaxed);
  exchange_.slots()[slot].state.store(SlotState::free, std::memory_order_release);
  free_.push_back(slot);
}

bool GatewayPort::discard_if_abandoned(uint32_t at) {
  const Order& order = exchange_.orders()[at];
  if (order.open.load(std::memory_order_relaxed) == 0) return true;
  if (order.abandoned.load(std::memory_order_relaxed) == 0) return false;
  const Progress progress_now = progress(at);
  consume_all(at);
  if (progress_now != Progress::running) release(at);
  return true;
}

void GatewayPort::hand_out_bodies() {
  if (sleep_.body_asked.load(std::memory_order_relaxed) == 0) return;
  sleep_.body_asked.store(0);
  for (const ProcessRecord& worker : exchange_.workers()) {
    const uint64_t wanted = worker.body_wanted.load(std::memory_order_acquire);
    const uint32_t at = slot_of_mark(wanted);
    if (wanted == 0 || at - first_ >= count_) continue;
    const auto& file = files_[at - first_];
    const bool is_its = file != nullptr && state(at) == SlotState::running && runs_alone(worker, at) &&
                        wanted == overdue_mark(at, order(at).ticket.load(std::memory_order_relaxed));
    exchange_.body_desk().answer(worker, is_its ? file->get() : -1);
  }
}

// No other one says that it runs that request. Nobody is handed a body that two lay claim to.
bool GatewayPort::runs_alone(const ProcessRecord& worker, uint32_t at) const {
  const auto claims = [at](const ProcessRecord& one) { return one.current_slot.load() == at + 1; };
  const auto workers = exchange_.workers();
  return claims(worker) && std::count_if(workers.begin(), workers.end(), claims) == 1;
}

bool GatewayPort::has_news() const {
  for (const auto& word : ready_) {
    if (word.load(std::memory_order_relaxed) != 0) return true;
  }
  return false;
}

Progress GatewayPort::progress(uint32_t at) const {
  const Slot& slot = exchange_.slots()[at];
  switch (slot.state.load(std::memory_order_acquire)) {
    case SlotState::crashed:
      return Progress::crashed;
    case SlotState::done:
      if (broken_[at - first_] || (slot.flags.load(std::memory_order_relaxed) & kAborted) != 0)
        return Progress::aborted;
      return Progress::complete;
    default:
      return Progress::running;
  }
}

bool GatewayPort::streaming(uint32_t slot) const {
  return (exchange_.slots()[slot].flags.load(std::memory_order_relaxed) & kStreaming) != 0;
}

SlotTimes GatewayPort::times(uint32_t at, int64_t now) const {
  const Slot& slot = exchange_.slots()[at];
  const int64_t latest = now + kSecond;
  const int64_t queued = order(at).queued.load(std::memory_order_relaxed);
  return {queued, time_between(queued, slot.started.load(std::memory_order_relaxed), latest),
          time_between(queued, slot.first_byte.load(std::memory_order_relaxed), latest),
          time_between(queued, slot.done.load(std::memory_order_relaxed), latest)};
}

int64_t GatewayPort::begun(uint32_t at) const {
  const int64_t queued = order(at).queued.load(std::memory_order_relaxed);
  const int64_t noted = exchange_.slots()[at].started.load(std::memory_order_relaxed);
  return std::max(queued, time_between(queued, noted, monotonic_now()));
}

uint32_t GatewayPort::waiting(uint32_t at) {
  const uint32_t count = exchange_.slots()[at].published.load(std::memory_order_acquire) -
                         order(at).consumed.load(std::memory_order_relaxed);
  if (count > kSegments) distrust(at);
  return broken_[at - first_] ? 0 : count;
}

bool GatewayPort::peek(uint32_t at, SegmentView& segment, uint32_t ahead) {
  if (waiting(at) <= ahead) return false;
  const Slot& slot = exchange_.slots()[at];
  const uint32_t place = (order(at).consumed.load(std::memory_order_relaxed) + ahead) % kSegments;
  const Segment read = slot.segments[place].load(std::memory_order_relaxed);
  const uint32_t worker = slot.worker.load(std::memory_order_relaxed) - 1 - exchange_.first_worker_record();
  const bool sane = read.kind <= SegmentKind::body && read.offset <= kBlockSize &&
                    read.length <= kBlockSize - read.offset && read.block < kBlocksPerWorker &&
                    worker < exchange_.worker_records() &&
                    exchange_.records()[worker].block_slot[read.block].load(std::memory_order_relaxed) == at + 1;
  if (!sane) {
    distrust(at);
    return false;
  }
  const uint32_t block = worker * kBlocksPerWorker + read.block;
  segment = {read.kind, {exchange_.block(block) + read.offset, read.length}, block, read.last_of_block != 0};
  return true;
}

void GatewayPort::consume(uint32_t at, const SegmentView& segment) {
  std::atomic<uint32_t>& consumed = exchange_.orders()[at].consumed;
  consumed.store(consumed.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  if (segment.last_of_block) give_back(segment.block);
}

void GatewayPort::consume_all(uint32_t at) {
  SegmentView segment;
  for (uint32_t left = waiting(at); left > 0 && peek(at, segment); --left) consume(at, segment);
}

void GatewayPort::give_back(uint32_t block) {
  ProcessRecord& worker = exchange_.workers()[block / kBlocksPerWorker];
  worker.free_blocks.fetch_or(uint64_t{1} << (block % kBlocksPerWorker));
  if (worker.window_waiting.load() != 0) {
    worker.window.fetch_add(1);
    arena::futex_wake(worker.window);
  }
}

// After a worker's death: blocks it marked for this slot but never got to publish.
void GatewayPort::reclaim_blocks_of(uint32_t at) {
  for (ProcessRecord& worker : exchange_.workers()) {
    for (unsigned bit = 0; bit < kBlocksPerWorker; ++bit) {
      if (worker.block_slot[bit].load(std::memory_order_relaxed) != at + 1) continue;
      worker.free_blocks.fetch_or(uint64_t{1} << bit);
    }
  }
}

bool GatewayPort::prepare_sleep() {
  sleep_.sleeping.store(1);
  if (!has_news()) return true;
  awake();
  return false;
}

void GatewayPort::awake() {
  sleep_.sleeping.store(0);
}

void GatewayPort::spin_for_news(int64_t limit_ns) const {
  if (!exchange_.processor_to_spare()) return;
  const int64_t until = monotonic_now() + limit_ns;
  do {
    for (int turn = 0; turn < 20; ++turn) {
      if (has_news()) return;
      arena::spin_pause();
    }
    ::sched_yield();  // the worker may wait for this very processor
  } while (monotonic_now() < until);
}

}  // namespace askr::exchange
