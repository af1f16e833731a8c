// "askr.workers/1": how many workers there are and shall be, from the process table and the slots.
#include "base/clock.hpp"
#include "config/machine.hpp"
#include "exchange/exchange.hpp"
#include "plugin/gateway_loop.hpp"
#include "plugin/interfaces.hpp"

namespace askr::plugin {
namespace {

using exchange::ProcessRecord;
using exchange::ProcessState;

// Reading /proc and the control groups costs some 100 us.
constexpr int64_t kMemoryAge = 100 * kMillisecond;

exchange::Exchange* exchange_of_gateway() {
  return GatewayLoop::current() == nullptr || Host::current() == nullptr ? nullptr : Host::current()->exchange();
}

// Workers of the active generation that nobody has told to end.
template <class Visitor>
void for_each_worker(const exchange::Exchange& exchange, Visitor&& visit) {
  const uint32_t generation = exchange.global().active_generation.load(std::memory_order_relaxed);
  for (const ProcessRecord& worker : exchange.workers()) {
    const exchange::Assignment& assigned = exchange.assigned(worker);
    const bool counts = assigned.role.load(std::memory_order_relaxed) == exchange::Role::worker &&
                        assigned.generation.load(std::memory_order_relaxed) == generation &&
                        assigned.retire.load(std::memory_order_relaxed) == 0;
    if (counts) visit(worker);
  }
}

void count_workers(const exchange::Exchange& exchange, askr_workers_state& state) {
  uint64_t measured = 0;
  uint64_t kilobytes = 0;
  for_each_worker(exchange, [&](const ProcessRecord& worker) {
    if (worker.ready.load(std::memory_order_relaxed) == 0) {
      ++state.starting;
      return;
    }
    ++state.ready;
    if (worker.state.load(std::memory_order_relaxed) != ProcessState::idle) ++state.busy;
    const uint32_t memory = worker.private_kb.load(std::memory_order_relaxed);
    kilobytes += memory;
    if (memory > 0) ++measured;
  });
  if (measured > 0) state.worker_memory = (kilobytes << 10) / measured;
}

void count_requests(exchange::Exchange& exchange, askr_workers_state& state) {
  if (exchange.queue().looks_empty()) return;
  const int64_t now = monotonic_now();
  for (size_t at = 0; at < exchange.slots().size(); ++at) {
    const exchange::Order& order = exchange.orders()[at];
    if (order.open.load(std::memory_order_relaxed) == 0) continue;
    if (exchange.slots()[at].state.load(std::memory_order_acquire) != exchange::SlotState::queued) continue;
    ++state.waiting;
    state.oldest_wait = std::max(state.oldest_wait, now - order.queued.load(std::memory_order_relaxed));
  }
}

void read_memory(askr_workers_state& state) {
  static config::MemoryRoom room;
  static int64_t read_at = 0;
  const int64_t now = monotonic_now();
  if (read_at == 0 || now - read_at > kMemoryAge) {
    room = config::read_memory_room();
    read_at = now;
  }
  state.memory_limit = room.limit;
  state.memory_available = room.available;
}

askr_status read(askr_workers_state* state) {
  exchange::Exchange* exchange = exchange_of_gateway();
  if (exchange == nullptr) return ASKR_E_WRONG_STEP;
  if (state == nullptr || state->size < sizeof(askr_workers_state)) return ASKR_E_INVALID;
  askr_workers_state seen{};
  seen.size = state->size;
  seen.minimum = Host::current()->workers_min();
  seen.maximum = exchange->options().workers_max;
  seen.target = exchange->worker_target();
  count_workers(*exchange, seen);
  count_requests(*exchange, seen);
  read_memory(seen);
  *state = seen;
  return ASKR_OK;
}

uint32_t idle(int64_t nanoseconds) {
  const exchange::Exchange* exchange = exchange_of_gateway();
  if (exchange == nullptr) return 0;
  const int64_t now = monotonic_now();
  uint32_t count = 0;
  for_each_worker(*exchange, [&](const ProcessRecord& worker) {
    const bool rests = worker.ready.load(std::memory_order_relaxed) != 0 &&
                       worker.state.load(std::memory_order_relaxed) == ProcessState::idle;
    if (rests && exchange::idle_since(exchange->assigned(worker), worker) <= now - nanoseconds) ++count;
  });
  return count;
}

askr_status set_target(const askr_host* /*host*/, uint32_t target) {
  const exchange::Exchange* exchange = exchange_of_gateway();
  if (exchange == nullptr) return ASKR_E_WRONG_STEP;
  if (target < Host::current()->workers_min() || target > exchange->options().workers_max) return ASKR_E_INVALID;
  if (exchange->gateway_words().worker_target.exchange(target) != target) exchange->poke_master();
  return ASKR_OK;
}

askr_status on_wait(askr_registrar* registrar, void (*callback)(void* self)) {
  if (callback == nullptr) return ASKR_E_INVALID;
  registrar->plugin.on_wait = callback;
  return ASKR_OK;
}

}  // namespace

const askr_workers kWorkersInterface = {sizeof(askr_workers), read, idle, set_target, on_wait};

}  // namespace askr::plugin
