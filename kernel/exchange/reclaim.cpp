#include "exchange/reclaim.hpp"

#include <bit>
#include <utility>

#include "exchange/codec.hpp"

namespace askr::exchange {
namespace {

// Those that gateways still send come back from there.
uint64_t blocks_of_open_requests(const Exchange& exchange, unsigned worker) {
  uint64_t blocks = 0;
  for (uint32_t at = 0; at < exchange.slots().size(); ++at) {
    if (exchange.orders()[at].open.load() == 0 || exchange.slots()[at].worker.load() != worker + 1) continue;
    blocks |= exchange.blocks_under_way(at);
  }
  return blocks;
}

}  // namespace

LostRequest reclaim_worker(Exchange& exchange, unsigned record_index) {
  LostRequest lost;
  for (uint32_t at = 0; at < exchange.slots().size(); ++at) {
    Slot& slot = exchange.slots()[at];
    if (slot.worker.load(std::memory_order_acquire) != record_index + 1) continue;
    SlotState expected = slot.state.load(std::memory_order_acquire);
    RequestView request;
    if (exchange.orders()[at].open.load(std::memory_order_relaxed) == 0) continue;
    const bool is_running = expected == SlotState::running;
    if (is_running && !decode_request(exchange.request_area(at), kRequestArea, request)) request = {};
    LostRequest running{std::string(request.id), std::string(request.method), std::string(request.uri),
                        std::string(request.script_name)};
    expected = SlotState::running;
    if (slot.state.compare_exchange_strong(expected, SlotState::crashed)) {
      lost = std::move(running);
      exchange.announce(at);
    } else if (expected == SlotState::done) {
      exchange.announce(at);  // it may have died between the last store and the announcement
    }
  }
  ProcessRecord& record = exchange.records()[record_index];
  record.free_blocks.fetch_or(~blocks_of_open_requests(exchange, record_index));
  record.current_slot.store(0, std::memory_order_relaxed);
  exchange.sleep(record_index).parked.store(0, std::memory_order_relaxed);
  record.window_waiting.store(0, std::memory_order_relaxed);
  exchange.overdue(record_index).store(0, std::memory_order_relaxed);
  record.left_at.store(0, std::memory_order_relaxed);
  record.state.store(ProcessState::none, std::memory_order_relaxed);
  record.ready.store(0, std::memory_order_relaxed);
  record.own_pid.store(0, std::memory_order_relaxed);
  exchange.assignments()[record_index].retire.store(0, std::memory_order_relaxed);
  exchange.assignments()[record_index].pid.store(0, std::memory_order_release);
  return lost;
}

ExchangeUsage usage(const Exchange& exchange) {
  ExchangeUsage counts;
  counts.slots = static_cast<unsigned>(exchange.slots().size());
  for (uint32_t at = 0; at < counts.slots; ++at) {
    if (exchange.orders()[at].open.load(std::memory_order_relaxed) == 0) continue;
    ++counts.slots_used;
    if (exchange.slots()[at].state.load(std::memory_order_relaxed) == SlotState::queued) ++counts.queue_depth;
  }
  for (const ProcessRecord& worker : exchange.workers()) {
    counts.blocks += kBlocksPerWorker;
    counts.blocks_used +=
        kBlocksPerWorker - static_cast<unsigned>(std::popcount(worker.free_blocks.load(std::memory_order_relaxed)));
  }
  return counts;
}

}  // namespace askr::exchange
