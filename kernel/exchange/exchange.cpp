#include "exchange/exchange.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "arena/futex.hpp"
#include "base/log.hpp"

namespace askr::exchange {
namespace {

size_t align(size_t size) {
  return (size + 4095) / 4096 * 4096;
}

// Where each part of kernel.exchange begins; the same computation makes the region and the views.
struct Layout {
  explicit Layout(const ExchangeOptions& options)
      : slots_per_gateway(options.queue_size + options.workers_max * kGenerationsAtOnce),
        slot_count(slots_per_gateway * options.gateways),
        ready_words((slots_per_gateway + 63) / 64),
        queue_capacity(std::bit_ceil(slot_count * 2)),
        block_count(options.workers_max * kGenerationsAtOnce * kBlocksPerWorker) {}

  uint32_t slots_per_gateway, slot_count, ready_words, queue_capacity, block_count;
  size_t global = 0;
  size_t queue = global + align(sizeof(Global));
  size_t entries = queue + align(sizeof(QueueHeader));
  size_t ready = entries + align(queue_capacity * sizeof(QueueEntry));
  size_t slots = ready + align(size_t{ready_words} * (slot_count / slots_per_gateway) * sizeof(uint64_t));
  size_t areas = slots + align(slot_count * sizeof(Slot));
  size_t blocks = areas + size_t{slot_count} * kRequestArea;
  size_t end = blocks + size_t{block_count} * kBlockSize;
};

unsigned record_count(const ExchangeOptions& options) {
  return 1 + options.gateways + options.workers_max * kGenerationsAtOnce + kTemplateRecords + options.sidecars;
}

unsigned usable_processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&set));
}

void write_event(int fd) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof one);
}

}  // namespace

const char* role_name(Role role) {
  switch (role) {
    case Role::master:
      return "master";
    case Role::gateway:
      return "gateway";
    case Role::template_:
      return "template";
    case Role::worker:
      return "worker";
    case Role::sidecar:
      return "sidecar";
    case Role::none:
      break;
  }
  return "none";
}

const char* state_name(ProcessState state) {
  switch (state) {
    case ProcessState::starting:
      return "starting";
    case ProcessState::idle:
      return "idle";
    case ProcessState::busy:
      return "busy";
    case ProcessState::draining:
      return "draining";
    case ProcessState::deferred:
      return "deferred";
    case ProcessState::running:
      return "running";
    case ProcessState::none:
      break;
  }
  return "none";
}

void leave_note(ProcessRecord& record, const char* text, size_t size) {
  const size_t kept = std::min(size, kNoteSize);
  std::memcpy(record.note, text, kept);
  record.note_size.store(static_cast<uint32_t>(kept), std::memory_order_release);
}

std::vector<arena::Region> Exchange::regions(const ExchangeOptions& options) {
  return {{"kernel.exchange", "kernel", Layout(options).end, 1, nullptr},
          {"kernel.workers", "kernel", record_count(options) * sizeof(ProcessRecord), 1, nullptr}};
}

Result<Exchange> Exchange::create(arena::Arena& arena, const ExchangeOptions& options) {
  const Layout layout(options);
  char* base = reinterpret_cast<char*>(arena.find("kernel.exchange")->data);
  auto* records = reinterpret_cast<ProcessRecord*>(arena.find("kernel.workers")->data);

  Exchange exchange;
  exchange.arena_ = &arena;
  exchange.options_ = options;
  exchange.processors_ = usable_processors();
  exchange.global_ = reinterpret_cast<Global*>(base + layout.global);
  exchange.records_ = {records, record_count(options)};
  exchange.slots_ = {reinterpret_cast<Slot*>(base + layout.slots), layout.slot_count};
  exchange.ready_ = reinterpret_cast<std::atomic<uint64_t>*>(base + layout.ready);
  exchange.areas_ = base + layout.areas;
  exchange.blocks_ = base + layout.blocks;
  exchange.queue_ = RequestQueue(reinterpret_cast<QueueHeader*>(base + layout.queue),
                                 reinterpret_cast<QueueEntry*>(base + layout.entries), layout.queue_capacity,
                                 exchange.slots_.data(), layout.slot_count);
  for (ProcessRecord& worker : exchange.workers()) worker.free_blocks.store(~uint64_t{0}, std::memory_order_relaxed);

  for (unsigned gateway = 0; gateway < options.gateways; ++gateway) {
    exchange.gateway_events_.emplace_back(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!exchange.gateway_events_.back()) return system_error("cannot make an eventfd");
    exchange.body_channels_.push_back(ASKR_TRY(BodyChannel::create()));
  }
  exchange.master_event_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!exchange.master_event_) return system_error("cannot make an eventfd");
  return exchange;
}

void Exchange::enter(Role role, unsigned position) const {
  using arena::Writers;
  const auto restrict = [&]() -> Result<> {
    switch (role) {
      case Role::gateway:
        return arena_->restrict_to(Writers::gateways);
      case Role::template_:  // what its children write to
        return arena_->restrict_to(Writers::workers | Writers::sidecars);
      case Role::worker:
        return arena_->restrict_to_part(Writers::workers, position);
      case Role::sidecar:
        return arena_->restrict_to_part(Writers::sidecars, worker_records() + position);
      case Role::master:
      case Role::none:
        break;
    }
    return ok();
  };
  if (auto restricted = restrict(); !restricted) {
    log::error("{}", restricted.error().message);
    ::_exit(1);
  }
}

unsigned Exchange::slots_per_gateway() const {
  return static_cast<unsigned>(slots_.size()) / options_.gateways;
}

std::span<std::atomic<uint64_t>> Exchange::ready_bits(unsigned gateway) const {
  const size_t words = (slots_per_gateway() + 63) / 64;
  return {ready_ + words * gateway, words};
}

uint64_t Exchange::spooled() const {
  uint64_t bytes = 0;
  for (unsigned gateway = 0; gateway < options_.gateways; ++gateway) {
    bytes += records_[gateway_record(gateway)].spooled.load(std::memory_order_relaxed);
  }
  return bytes;
}

void Exchange::close_gateway_ends() {
  for (BodyChannel& channel : body_channels_) channel.close_gateway_end();
}

void Exchange::announce(uint32_t slot) {
  const unsigned gateway = gateway_of(slot);
  const unsigned bit = slot % slots_per_gateway();
  ready_bits(gateway)[bit / 64].fetch_or(uint64_t{1} << (bit % 64));
  if (records_[gateway_record(gateway)].sleeping.exchange(0) != 0) poke_gateway(gateway);
}

void Exchange::poke_gateway(unsigned gateway) const {
  write_event(gateway_events_[gateway].get());
}

void Exchange::poke_all_gateways() const {
  for (const UniqueFd& event : gateway_events_) write_event(event.get());
}

void Exchange::poke_master() const {
  write_event(master_event_.get());
}

void Exchange::wake(ProcessRecord& worker) {
  if (worker.parked.exchange(0) != 0) arena::futex_wake(worker.parked);
}

void Exchange::wake_all() const {
  poke_all_gateways();
  for (ProcessRecord& worker : workers()) wake(worker);
}

bool Exchange::serves(uint32_t generation) const {
  // In this order: the master first says that nobody serves, then it looks at the changes.
  pollfd changed{changes_, POLLIN, 0};
  if (changes_ >= 0 && ::poll(&changed, 1, 0) != 0) return false;
  return global_->active_generation.load(std::memory_order_acquire) == generation ||
         global_->canary_generation.load(std::memory_order_acquire) == generation;
}

unsigned Exchange::wake_workers(unsigned count) const {
  const uint32_t active = global_->active_generation.load(std::memory_order_relaxed);
  const uint32_t canary = global_->canary_generation.load(std::memory_order_relaxed);
  // The first ones are woken first, so that the last ones can rest. One on trial has its turn as if it were among them.
  static unsigned turn = 0;
  const bool canary_first = canary != 0 && turn++ % (global_->worker_target.load(std::memory_order_relaxed) + 1) == 0;
  unsigned woken = canary_first ? wake_generation(canary, std::min(count, 1U)) : 0;
  woken += wake_generation(active, count - woken);
  if (canary != 0 && woken < count) woken += wake_generation(canary, count - woken);
  return woken;
}

unsigned Exchange::wake_generation(uint32_t generation, unsigned count) const {
  unsigned woken = 0;
  for (ProcessRecord& worker : workers()) {
    if (woken == count) break;
    if (worker.generation.load(std::memory_order_relaxed) != generation) continue;
    if (worker.parked.load(std::memory_order_relaxed) == 0) continue;
    if (worker.parked.exchange(0) == 0) continue;
    arena::futex_wake(worker.parked);
    ++woken;
  }
  return woken;
}

unsigned Exchange::taken_within(int64_t ns, int64_t now) const {
  const uint32_t active = global_->active_generation.load(std::memory_order_relaxed);
  int64_t count = 0;
  for (const ProcessRecord& worker : workers()) {
    if (worker.pid.load(std::memory_order_relaxed) == 0 || worker.parked.load(std::memory_order_relaxed) != 0) continue;
    if (worker.generation.load(std::memory_order_relaxed) != active) continue;
    const bool idle = worker.state.load(std::memory_order_relaxed) == ProcessState::idle;
    if (!idle && now - worker.last_request.load(std::memory_order_relaxed) > ns) continue;
    const uint32_t each = worker.request_ns.load(std::memory_order_relaxed);
    if (each != 0) count += ns / each;
  }
  return static_cast<unsigned>(std::min<int64_t>(count, options_.queue_size));
}

bool Exchange::processor_to_spare() const {
  unsigned awake = 0;
  for (unsigned gateway = 0; gateway < options_.gateways; ++gateway) {
    if (records_[gateway_record(gateway)].sleeping.load(std::memory_order_relaxed) == 0) ++awake;
  }
  for (const ProcessRecord& worker : workers()) {
    if (worker.pid.load(std::memory_order_relaxed) != 0 && worker.parked.load(std::memory_order_relaxed) == 0) ++awake;
  }
  return awake <= processors_;
}

}  // namespace askr::exchange
