#include "exchange/exchange.hpp"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "arena/futex.hpp"
#include "base/log.hpp"

namespace askr::exchange {
namespace {

constexpr size_t kBlocksOfWorker = size_t{kBlocksPerWorker} * kBlockSize;

size_t align(size_t size) {
  return (size + 4095) / 4096 * 4096;
}

unsigned record_count(const ExchangeOptions& options) {
  return options.workers_of_generation() * kGenerationsAtOnce + options.sidecars + kTemplateRecords + options.gateways +
         1;
}

// Where everything begins in its region; the same computation makes the regions and the views.
struct Layout {
  explicit Layout(const ExchangeOptions& options)
      : slots_per_gateway(options.queue_size + options.workers_of_generation() * kGenerationsAtOnce),
        slot_count(slots_per_gateway * options.gateways),
        ready_words((slots_per_gateway + 63) / 64),
        queue_capacity(std::bit_ceil(slot_count * 2)),
        worker_count(options.workers_of_generation() * kGenerationsAtOnce),
        record_count(exchange::record_count(options)) {}

  uint32_t slots_per_gateway, slot_count, ready_words, queue_capacity, worker_count, record_count;
  // kernel.policy
  size_t assignments = align(sizeof(Global));
  size_t policy_end = assignments + align(record_count * sizeof(Assignment));
  // kernel.gateways
  size_t overdue = align(sizeof(GatewayWords));
  size_t orders = overdue + align(worker_count * sizeof(uint64_t));
  size_t areas = orders + align(slot_count * sizeof(Order));
  size_t gateways_end = areas + size_t{slot_count} * kRequestArea;
  // kernel.exchange
  size_t sleeps = align(sizeof(WorkerWords));
  size_t queue = sleeps + align(record_count * sizeof(Sleep));
  size_t entries = queue + align(sizeof(QueueHeader));
  size_t ready = entries + align(queue_capacity * sizeof(QueueEntry));
  size_t slots = ready + align(size_t{ready_words} * (slot_count / slots_per_gateway) * sizeof(uint64_t));
  size_t exchange_end = slots + align(slot_count * sizeof(Slot));
  // kernel.blocks, kernel.workers
  size_t blocks_end = size_t{worker_count} * kBlocksOfWorker;
  size_t records_end = size_t{record_count} * kRecordSize;
};

unsigned usable_processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&set));
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

void begin_record(ProcessRecord& record) {
  record.own_pid = 0;
  record.orphaned = 0;
  record.state = ProcessState::starting;
  record.current_slot = 0;
  record.requests = record.errors = 0;
  record.last_request = 0;
  record.ready = 0;
  record.ready_at = record.measured = record.left_at = record.slept_at = 0;
  record.request_ns = record.private_kb = 0;
  record.window_waiting = record.not_rewound = 0;
  record.note_size = 0;
  record.body_wanted = 0;
}

void leave_note(ProcessRecord& record, const char* text, size_t size) {
  const size_t kept = std::min(size, kNoteSize);
  std::memcpy(record.note, text, kept);
  record.note_size.store(static_cast<uint32_t>(kept), std::memory_order_release);
}

std::vector<arena::Region> Exchange::regions(const ExchangeOptions& options) {
  using arena::Writers;
  const Layout layout(options);
  // Where pages are larger than that, workers write to one another's.
  const bool has_parts = static_cast<size_t>(::sysconf(_SC_PAGESIZE)) == kRecordSize;
  const Writers some = Writers::gateways | Writers::workers;
  return {{"kernel.policy", "kernel", layout.policy_end, 1, nullptr, Writers::none},
          {"kernel.gateways", "kernel", layout.gateways_end, 1, nullptr, Writers::gateways},
          {"kernel.blocks", "kernel", layout.blocks_end, 1, nullptr, Writers::workers, kBlocksOfWorker},
          {"kernel.exchange", "kernel", layout.exchange_end, 2, nullptr, some},
          {"kernel.workers", "kernel", layout.records_end, 2, nullptr, Writers::all, has_parts ? kRecordSize : 0}};
}

Result<Exchange> Exchange::create(arena::Arena& arena, const ExchangeOptions& options) {
  const Layout layout(options);
  const auto region = [&arena](const char* name) { return reinterpret_cast<char*>(arena.find(name)->data); };
  char* policy = region("kernel.policy");
  char* gateways = region("kernel.gateways");
  char* base = region("kernel.exchange");

  Exchange exchange;
  exchange.arena_ = &arena;
  exchange.options_ = options;
  exchange.processors_ = usable_processors();
  exchange.global_ = reinterpret_cast<Global*>(policy);
  exchange.assignments_ = {reinterpret_cast<Assignment*>(policy + layout.assignments), layout.record_count};
  exchange.gateway_words_ = reinterpret_cast<GatewayWords*>(gateways);
  exchange.overdue_ = reinterpret_cast<std::atomic<uint64_t>*>(gateways + layout.overdue);
  exchange.orders_ = {reinterpret_cast<Order*>(gateways + layout.orders), layout.slot_count};
  exchange.areas_ = gateways + layout.areas;
  exchange.worker_words_ = reinterpret_cast<WorkerWords*>(base);
  exchange.sleeps_ = reinterpret_cast<Sleep*>(base + layout.sleeps);
  exchange.slots_ = {reinterpret_cast<Slot*>(base + layout.slots), layout.slot_count};
  exchange.ready_ = reinterpret_cast<std::atomic<uint64_t>*>(base + layout.ready);
  exchange.blocks_ = region("kernel.blocks");
  exchange.records_ = {reinterpret_cast<ProcessRecord*>(region("kernel.workers")), layout.record_count};
  exchange.queue_ = RequestQueue(reinterpret_cast<QueueHeader*>(base + layout.queue),
                                 reinterpret_cast<QueueEntry*>(base + layout.entries), layout.queue_capacity,
                                 exchange.slots_, exchange.orders_);
  for (ProcessRecord& worker : exchange.workers()) worker.free_blocks.store(~uint64_t{0}, std::memory_order_relaxed);

  for (unsigned gateway = 0; gateway < options.gateways; ++gateway) {
    exchange.gateway_bells_.push_back(ASKR_TRY(Doorbell::create()));
  }
  exchange.master_bell_ = ASKR_TRY(Doorbell::create());
  exchange.body_desk_ = ASKR_TRY(BodyDesk::create());
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
        return arena_->restrict_to_part(Writers::workers, first_worker_record() + position);
      case Role::sidecar:
        return arena_->restrict_to_part(Writers::sidecars, first_sidecar_record() + position);
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

uint64_t Exchange::blocks_under_way(uint32_t at) const {
  const Slot& slot = slots_[at];
  const uint32_t consumed = orders_[at].consumed.load(std::memory_order_relaxed);
  const uint32_t count = slot.published.load(std::memory_order_acquire) - consumed;
  uint64_t blocks = 0;
  for (uint32_t place = 0; place < count && count <= kSegments; ++place) {
    const Segment segment = slot.segments[(consumed + place) % kSegments].load(std::memory_order_relaxed);
    if (segment.block < kBlocksPerWorker) blocks |= uint64_t{1} << segment.block;
  }
  return blocks;
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

void Exchange::leave_to_php() {
  body_desk_.close();
  for (Doorbell& bell : gateway_bells_) bell.leave_to_php();
  master_bell_.leave_to_php();
}

unsigned Exchange::worker_target() const {
  return std::clamp(gateway_words_->worker_target.load(std::memory_order_relaxed), 1U, options_.workers_max);
}

void Exchange::announce(uint32_t slot) const {
  const unsigned gateway = gateway_of(slot);
  const unsigned bit = slot % slots_per_gateway();
  ready_bits(gateway)[bit / 64].fetch_or(uint64_t{1} << (bit % 64));
  if (sleeps_[gateway_record(gateway)].sleeping.exchange(0) != 0) poke_gateway(gateway);
}

void Exchange::poke_gateway(unsigned gateway) const {
  gateway_bells_[gateway].ring();
}

void Exchange::poke_all_gateways() const {
  for (const Doorbell& bell : gateway_bells_) bell.ring();
}

void Exchange::poke_master() const {
  master_bell_.ring();
}

void Exchange::wake(unsigned worker) const {
  sleeps_[worker].parked.store(0);
  arena::futex_wake(sleeps_[worker].parked);
}

void Exchange::wake_all() const {
  poke_all_gateways();
  for (unsigned worker = 0; worker < worker_records(); ++worker) {
    if (assignments_[worker].pid.load(std::memory_order_relaxed) != 0) wake(worker);
  }
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
  const bool canary_first = canary != 0 && turn++ % (worker_target() + 1) == 0;
  unsigned woken = canary_first ? wake_generation(canary, std::min(count, 1U)) : 0;
  woken += wake_generation(active, count - woken);
  if (canary != 0 && woken < count) woken += wake_generation(canary, count - woken);
  return woken;
}

unsigned Exchange::wake_generation(uint32_t generation, unsigned count) const {
  unsigned woken = 0;
  for (unsigned worker = 0; worker < worker_records() && woken < count; ++worker) {
    if (assignments_[worker].generation.load(std::memory_order_relaxed) != generation) continue;
    std::atomic<uint32_t>& parked = sleeps_[worker].parked;
    if (parked.load(std::memory_order_relaxed) == 0 || parked.exchange(0) == 0) continue;
    arena::futex_wake(parked);
    ++woken;
  }
  return woken;
}

unsigned Exchange::taken_within(int64_t ns, int64_t now) const {
  const uint32_t active = global_->active_generation.load(std::memory_order_relaxed);
  int64_t count = 0;
  for (unsigned index = 0; index < worker_records(); ++index) {
    const Assignment& assignment = assignments_[index];
    if (assignment.pid.load(std::memory_order_relaxed) == 0) continue;
    if (sleeps_[index].parked.load(std::memory_order_relaxed) != 0) continue;
    if (assignment.generation.load(std::memory_order_relaxed) != active) continue;
    const ProcessRecord& worker = records_[index];
    const bool idle = worker.state.load(std::memory_order_relaxed) == ProcessState::idle;
    if (!idle && worker.last_request.load(std::memory_order_relaxed) < now - ns) continue;
    const uint32_t each = worker.request_ns.load(std::memory_order_relaxed);
    if (each != 0) count += ns / each;
  }
  return static_cast<unsigned>(std::min<int64_t>(count, options_.queue_size));
}

bool Exchange::processor_to_spare() const {
  unsigned awake = 0;
  for (unsigned gateway = 0; gateway < options_.gateways; ++gateway) {
    if (sleeps_[gateway_record(gateway)].sleeping.load(std::memory_order_relaxed) == 0) ++awake;
  }
  for (unsigned worker = 0; worker < worker_records(); ++worker) {
    if (assignments_[worker].pid.load(std::memory_order_relaxed) == 0) continue;
    if (sleeps_[worker].parked.load(std::memory_order_relaxed) == 0) ++awake;
  }
  return awake <= processors_;
}

}  // namespace askr::exchange
