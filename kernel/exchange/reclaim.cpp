#include "exchange/reclaim.hpp"

#include <bit>
#include <utility>

#include "exchange/codec.hpp"

namespace askr::exchange {
namespace {

// Blocks that the dead worker had taken and not yet marked for a slot, or for one that is open no more; the others come
// back from the gateways.
void reclaim_unpublished(const Exchange& exchange, ProcessRecord& record) {
  uint64_t unpublished = 0;
  for (unsigned bit = 0; bit < kBlocksPerWorker; ++bit) {
    const uint32_t at = record.block_slot[bit].load(std::memory_order_acquire) - 1;
    const bool is_open = at < exchange.orders().size() && exchange.orders()[at].open.load() != 0;
    if (!is_open) unpublished |= uint64_t{1} << bit;
  }
  record.free_blocks.fetch_or(unpublished);
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
  reclaim_unpublished(exchange, record);
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
