#include "exchange/audit.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "arena/futex.hpp"

namespace askr::exchange {
namespace {

constexpr size_t kMostLines = 8;

// What has to change for something to have moved.
uint64_t mix(uint64_t first, uint64_t second, uint64_t third = 0, uint64_t fourth = 0) {
  uint64_t sum = first;
  for (const uint64_t next : {second, third, fourth}) sum = sum * 0x9e3779b97f4a7c15ULL + next + (sum >> 29);
  return sum;
}

}  // namespace

Audit::Audit(Exchange& exchange)
    : exchange_(exchange),
      claims_(exchange.slots().size()),
      under_way_(exchange.worker_records()),
      odd_(exchange.slots().size()),
      still_(exchange.slots().size()),
      lost_(exchange.worker_records()),
      blocks_(exchange.worker_records()),
      deaf_(exchange.options().gateways) {}

Findings Audit::look(int64_t now) {
  findings_ = {};
  has_stalled_ = false;
  read_claims(now);
  check_queue(now);
  check_slots();
  check_workers();
  check_gateways();
  if (has_stalled_) exchange_.wake_all();
  last_look_ = now;
  return std::move(findings_);
}

// What workers say that they are at. Each can only say it of itself.
void Audit::read_claims(int64_t now) {
  std::fill(claims_.begin(), claims_.end(), 0);
  for (unsigned worker = 0; worker < exchange_.worker_records(); ++worker) {
    if (!runs(worker)) continue;
    const ProcessRecord& record = exchange_.records()[worker];
    const uint32_t current = record.current_slot.load(std::memory_order_acquire);
    if (current != 0 && current <= claims_.size()) claims_[current - 1] = worker + 1;
    const int64_t began = record.last_request.load(std::memory_order_relaxed);
    if (current != 0 || time_between(last_look_, began, now) != 0) findings_.at_work.push_back(worker);
  }
}

void Audit::check_queue(int64_t now) {
  std::vector<uint32_t> lost;
  const RequestQueue::Sense sense = exchange_.queue().mend(now, lost);
  if (sense == RequestQueue::Sense::none) mended("the counts of the queue");
  if (sense == RequestQueue::Sense::busy) mended("the lock of the queue, which somebody keeps");
  for (const uint32_t at : lost) {
    mended("slot " + std::to_string(at) + ", whose request was not in the queue");
    announce(at);
  }
}

void Audit::check_slots() {
  std::fill(under_way_.begin(), under_way_.end(), 0);
  for (uint32_t at = 0; at < claims_.size(); ++at) {
    if (!is_open(at)) {
      odd_[at].none();
      still_[at].none();
      continue;
    }
    findings_.has_work = true;
    const SlotState state = exchange_.slots()[at].state.load(std::memory_order_acquire);
    const uint32_t worker = exchange_.slots()[at].worker.load(std::memory_order_relaxed);
    note_blocks_under_way(at, worker);
    switch (state) {
      case SlotState::queued:
        check_waiting(at);
        break;
      case SlotState::running:
        check_running(at, worker);
        check_news(at, state);
        break;
      case SlotState::done:
      case SlotState::crashed:
        check_news(at, state);
        break;
      case SlotState::free:
      case SlotState::filling:  // in between two steps of its gateway
        if (odd_[at].count(mix(exchange_.orders()[at].ticket, static_cast<uint64_t>(state))) >= kLooks)
          crash(at, state);
        break;
      default:
        crash(at, state);
    }
  }
}

void Audit::check_running(uint32_t at, uint32_t worker) {
  const uint32_t claim = claims_[at];
  if (claim != 0 && claim == worker) {
    odd_[at].none();
    return;
  }
  if (odd_[at].count(mix(exchange_.orders()[at].ticket, worker, claim, 1)) < kLooks) return;
  if (claim == 0) {
    crash(at, SlotState::running);
    return;
  }
  exchange_.slots()[at].worker.store(claim);
  mended("slot " + std::to_string(at) + ", which named another worker than the one at its request");
}

// The worker may have been unable to tell, or what it told was scribbled over.
void Audit::check_news(uint32_t at, SlotState state) {
  const Order& order = exchange_.orders()[at];
  const uint32_t published = exchange_.slots()[at].published.load(std::memory_order_relaxed);
  const uint32_t consumed = order.consumed.load(std::memory_order_relaxed);
  if (state == SlotState::running && published == consumed) {
    still_[at].none();
    return;
  }
  const uint64_t progress = mix(order.ticket, published, consumed, static_cast<uint64_t>(state));
  if (still_[at].count(progress) >= kLooks - 1) announce(at);
}

void Audit::check_waiting(uint32_t at) {
  odd_[at].none();
  if (still_[at].count(mix(exchange_.orders()[at].ticket, 2)) >= kLooks - 1) has_stalled_ = true;
}

void Audit::note_blocks_under_way(uint32_t at, uint32_t worker) {
  if (worker == 0 || worker > exchange_.worker_records()) return;
  under_way_[worker - 1] |= exchange_.blocks_under_way(at);
}

void Audit::check_workers() {
  for (unsigned worker = 0; worker < exchange_.worker_records(); ++worker) {
    if (runs(worker)) {
      check_current(worker);
      check_blocks(worker);
    } else {
      settle_blocks(worker);
    }
  }
}

void Audit::check_current(unsigned worker) {
  const ProcessRecord& record = exchange_.records()[worker];
  const uint32_t current = record.current_slot.load(std::memory_order_acquire);
  const uint32_t at = current - 1;
  const bool is_good = current == 0 || (at < claims_.size() && is_open(at) && claims_[at] == worker + 1 &&
                                        exchange_.slots()[at].worker.load() == worker + 1 &&
                                        exchange_.slots()[at].state.load() == SlotState::running);
  if (is_good) {
    lost_[worker].none();
    return;
  }
  findings_.has_work = true;
  const unsigned times = lost_[worker].count(mix(current, record.requests.load(), pid_of(worker), 3));
  if (times == kLooks + 1) end(worker, "runs what is no request any more");
}

// One block may be written to. While it boots it may rehearse.
void Audit::check_blocks(unsigned worker) {
  const ProcessRecord& record = exchange_.records()[worker];
  const uint64_t used = ~record.free_blocks.load(std::memory_order_relaxed);
  if (used != 0) findings_.has_work = true;
  const bool is_writing = record.current_slot.load() != 0 || record.state.load() != ProcessState::idle;
  const int unaccounted = std::popcount(used & ~under_way_[worker]);
  if (unaccounted <= (is_writing ? 1 : 0)) {
    blocks_[worker].none();
    return;
  }
  const unsigned times = blocks_[worker].count(mix(used, under_way_[worker], record.requests.load(), pid_of(worker)));
  if (times == kLooks + 1) end(worker, "has response blocks in use that belong to no response");
}

// Of one that has ended, gateways may still send what it has published.
void Audit::settle_blocks(unsigned worker) {
  ProcessRecord& record = exchange_.records()[worker];
  const uint64_t used = ~record.free_blocks.load(std::memory_order_relaxed);
  if (used == 0) return;
  findings_.has_work = true;
  uint64_t nobodys = 0;
  for (uint64_t rest = used & ~under_way_[worker]; rest != 0; rest &= rest - 1) {
    const int bit = std::countr_zero(rest);
    const uint32_t at = record.block_slot[static_cast<size_t>(bit)].load(std::memory_order_relaxed) - 1;
    if (at >= claims_.size() || !is_open(at)) nobodys |= uint64_t{1} << bit;
  }
  if (nobodys == 0) return;
  if (blocks_[worker].count(mix(nobodys, 5)) < kLooks) return;
  record.free_blocks.fetch_or(nobodys);
  mended("response blocks of worker " + std::to_string(worker));
}

// Whatever says that it is awake: it may have been scribbled over. News of slots that are not open are none: the
// gateway may never look there.
void Audit::check_gateways() {
  for (unsigned gateway = 0; gateway < exchange_.options().gateways; ++gateway) {
    uint64_t news = 0;
    bool any = false;
    uint32_t first = gateway * exchange_.slots_per_gateway();
    for (const auto& word : exchange_.ready_bits(gateway)) {
      const uint64_t bits = word.load(std::memory_order_relaxed);
      news = mix(news, bits);
      for (uint64_t rest = bits; rest != 0; rest &= rest - 1) {
        const uint32_t at = first + static_cast<uint32_t>(std::countr_zero(rest));
        any = any || (at < claims_.size() && is_open(at));
      }
      first += 64;
    }
    if (!any) {
      deaf_[gateway].none();
    } else if (deaf_[gateway].count(news) >= kLooks - 1) {
      exchange_.poke_gateway(gateway);
    }
  }
}

void Audit::crash(uint32_t at, SlotState seen) {
  if (!exchange_.slots()[at].state.compare_exchange_strong(seen, SlotState::crashed)) return;
  mended("slot " + std::to_string(at) + ", whose request nobody was at");
  announce(at);
}

void Audit::announce(uint32_t at) const {
  exchange_.announce(at);
  exchange_.poke_gateway(exchange_.gateway_of(at));
}

void Audit::mended(std::string what) {
  if (findings_.mended.size() < kMostLines) findings_.mended.push_back(std::move(what));
}

void Audit::end(unsigned worker, std::string why) {
  mended("worker " + std::to_string(worker) + ", which " + std::move(why) + " (it is ended)");
  findings_.to_end.push_back(worker);
}

bool Audit::is_open(uint32_t at) const {
  return exchange_.orders()[at].open.load(std::memory_order_acquire) != 0;
}

bool Audit::runs(unsigned worker) const {
  return pid_of(worker) != 0;
}

uint64_t Audit::pid_of(unsigned worker) const {
  return static_cast<uint64_t>(exchange_.assignments()[worker].pid.load(std::memory_order_acquire));
}

}  // namespace askr::exchange
