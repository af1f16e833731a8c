// The worker's end of the exchange.
//
// Output goes into the current block. A block is published when it is full, at flush() and at finish(), as one segment
// for the head and one for the body that shares the block with it. A small response is thus one block, two segments,
// one announcement. Nothing here allocates after construction except the field list of the request, which keeps its
// capacity.
#include "exchange/worker_port.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "arena/futex.hpp"
#include "base/log.hpp"
#include "base/process_memory.hpp"
#include "exchange/codec.hpp"
#include "exchange/exchange.hpp"

namespace askr::exchange {
namespace {

// How long an idle worker spins before it sleeps: waking it costs about 25 us, so a little more than that.
constexpr int64_t kSpin = 50 * kMicrosecond;
constexpr int64_t kMeasureEach = kSecond;
constexpr uint32_t kNoBlock = ~0U;
constexpr uint32_t kNoSlot = ~0U;

}  // namespace

struct WorkerPort::State {
  State(Exchange& exchange_in, unsigned index, uint32_t generation_in)
      : exchange(exchange_in),
        record_index(exchange_in.first_worker_record() + index),
        record(exchange_in.records()[record_index]),
        first_block(index * kBlocksPerWorker),
        generation(generation_in),
        log_reopened(exchange_in.global().log_reopened.load()) {}

  bool take();
  bool take_rehearsal();
  void judge_rehearsal();
  void become_ready();
  void measure_memory();
  void open_request(const char* area);
  void spin() const;
  void sleep();
  [[nodiscard]] bool should_stop() const;
  Wait leave() const;
  void open_block();
  void publish(SegmentKind kind, uint32_t begin, bool last);
  void publish_pending();
  void announce();
  void complete(uint32_t flags);
  void note_error();
  void wait_for_window();

  Exchange& exchange;
  const unsigned record_index;
  ProcessRecord& record;
  const uint32_t first_block;
  const uint32_t generation;
  const uint32_t log_reopened;

  RequestView request;
  uint32_t slot_index = kNoSlot;
  Slot* slot = nullptr;  // of the current request; nullptr once the response is complete
  const char* inline_body = nullptr;
  UniqueFd spool;
  uint64_t body_read = 0;
  bool rested = false;  // has slept since the last request

  uint32_t block = kNoBlock;  // index over all blocks
  uint32_t used = 0;          // bytes of it that are written
  uint32_t unpublished = 0;   // where the bytes begin that are not published yet
  uint32_t head_end = 0;      // bytes before it are a head that is not published yet; 0: none
  bool head_written = false;
  int status = 0;  // of the head
  bool streaming = false;
  bool announced_first = false;

  std::vector<std::string> rehearsals;  // those left, the next one last
  std::string rehearsal;                // the one that runs
  std::unique_ptr<Slot> stage;          // where its response would go; nobody reads there
  bool rehearsing = false, rehearsal_failed = false;
  bool is_copy = false, has_forked = false;
  bool booted = false;
};

WorkerPort::WorkerPort(Exchange& exchange, unsigned worker_index, uint32_t generation)
    : state_(std::make_unique<State>(exchange, worker_index, generation)) {
  state_->request.fields.reserve(128);
  watch_forks(state_.get());
}

WorkerPort::~WorkerPort() {
  watch_forks(nullptr);
}

// The slot is the worker's, and may soon be another request's.
void WorkerPort::watch_forks(State* state) {
  static State* watched = nullptr;
  static const int registered = ::pthread_atfork(
      nullptr,
      [] {
        if (watched != nullptr) watched->has_forked = true;
      },
      [] {
        if (watched == nullptr) return;
        watched->is_copy = true;
        watched->slot = nullptr;
        watched->block = kNoBlock;
        watched->rehearsing = false;
      });
  static_cast<void>(registered);
  watched = state;
}

void WorkerPort::set_rehearsals(std::vector<std::string> encoded) {
  State& s = *state_;
  s.rehearsals.assign(std::make_move_iterator(encoded.rbegin()), std::make_move_iterator(encoded.rend()));
  if (!s.rehearsals.empty()) s.stage = std::make_unique<Slot>();
}

bool WorkerPort::rehearses() const {
  return state_->stage != nullptr;
}

bool WorkerPort::rehearsal_failed() const {
  return state_->rehearsal_failed;
}

void WorkerPort::mark_ready() {
  state_->booted = true;
  if (state_->rehearsals.empty()) state_->become_ready();
}

void WorkerPort::State::become_ready() {
  record.state.store(ProcessState::idle, std::memory_order_relaxed);
  record.ready_at.store(monotonic_now(), std::memory_order_relaxed);
  record.ready.store(1, std::memory_order_release);
  exchange.poke_master();
}

void WorkerPort::State::measure_memory() {
  const int64_t now = monotonic_now();
  if (now - record.measured.load(std::memory_order_relaxed) < kMeasureEach) return;
  record.measured.store(now, std::memory_order_relaxed);
  record.private_kb.store(static_cast<uint32_t>(own_private_memory() >> 10), std::memory_order_relaxed);
}

bool WorkerPort::State::should_stop() const {
  const uint32_t retire =
      record.retire.load();  // ordered behind the store of `parked`: the master stores, then looks there
  return retire == kRetireNow || (retire == kRetireWhenIdle && exchange.queue().looks_empty());
}

// A gateway may have woken this worker for a request, just when it was told to stop: another one shall look.
Wait WorkerPort::State::leave() const {
  if (!exchange.queue().looks_empty()) exchange.wake_workers(1);
  return Wait::retire;
}

bool WorkerPort::State::take() {
  if (exchange.queue().looks_empty()) return false;
  if (!exchange.serves(generation)) return false;
  const int64_t now = monotonic_now();
  uint32_t taken = 0;
  if (!exchange.queue().pop(record_index, now, taken)) return false;

  slot_index = taken;
  slot = &exchange.slots()[taken];
  record.current_slot.store(taken + 1, std::memory_order_relaxed);
  record.state.store(ProcessState::busy, std::memory_order_relaxed);
  record.last_request.store(now, std::memory_order_relaxed);
  slot->started.store(now, std::memory_order_relaxed);

  const char* area = exchange.request_area(taken);
  open_request(area);
  inline_body = slot->spool_fd < 0 ? area + slot->head_size : nullptr;
  return true;
}

void WorkerPort::State::open_request(const char* area) {
  decode_request(area, request);
  body_read = 0;
  rested = false;
  head_written = streaming = announced_first = false;
  head_end = 0;
  status = 0;
}

// False: none is left, and the worker is ready if all went well.
bool WorkerPort::State::take_rehearsal() {
  if (rehearsals.empty()) {
    if (stage != nullptr && !rehearsal_failed) become_ready();
    stage.reset();
    return false;
  }
  rehearsal = std::move(rehearsals.back());
  rehearsals.pop_back();
  rehearsing = true;
  slot = stage.get();
  inline_body = nullptr;
  record.state.store(ProcessState::busy, std::memory_order_relaxed);
  open_request(rehearsal.data());
  return true;
}

void WorkerPort::State::judge_rehearsal() {
  rehearsing = false;
  const bool aborted = !head_written || (slot->flags.load(std::memory_order_relaxed) & kAborted) != 0;
  if (status < 500 && !aborted) return;
  rehearsal_failed = true;
  rehearsals.clear();
  char note[512];
  const int size =
      std::snprintf(note, sizeof note, "the warm-up request GET %.*s %s %d", static_cast<int>(request.uri.size()),
                    request.uri.data(), aborted ? "was not completed, status" : "was answered", status);
  leave_note(record, note, std::min(static_cast<size_t>(size), sizeof note - 1));
}

void WorkerPort::State::spin() const {
  if (!exchange.processor_to_spare()) return;
  const int64_t until = monotonic_now() + kSpin;
  do {
    for (int turn = 0; turn < 20; ++turn) {
      if (!exchange.queue().looks_empty()) return;
      arena::spin_pause();
    }
    ::sched_yield();  // whoever fills the queue may wait for this very processor
  } while (!should_stop() && monotonic_now() < until);
}

void WorkerPort::State::sleep() {
  record.state.store(ProcessState::idle, std::memory_order_relaxed);
  if (!rested) record.slept_at.store(monotonic_now(), std::memory_order_relaxed);
  rested = true;
  record.parked.store(1);
  const bool work = !exchange.queue().looks_empty() && exchange.serves(generation);
  if (work || should_stop()) {
    record.parked.store(0);
    return;
  }
  while (record.parked.load() == 1) {
    arena::futex_wait(record.parked, 1);
    log::reopen_if_requested();  // asked for by a signal, which ended the wait
  }
}

Wait WorkerPort::wait() {
  finish();
  State& s = *state_;
  if (s.is_copy) return Wait::retire;
  if (s.booted && s.stage != nullptr && s.take_rehearsal()) return Wait::request;
  if (s.rehearsal_failed) return Wait::retire;
  if (s.booted && s.record.requests.load(std::memory_order_relaxed) > 0) s.measure_memory();
  s.record.state.store(ProcessState::idle, std::memory_order_relaxed);
  for (;;) {
    if (s.should_stop()) return s.leave();
    if (s.take()) return Wait::request;
    s.spin();
    if (s.should_stop()) return s.leave();
    if (s.take()) return Wait::request;
    s.sleep();
  }
}

void WorkerPort::set_deferred(bool deferred) {
  if (state_->is_copy) return;
  state_->record.state.store(deferred ? ProcessState::deferred : ProcessState::busy, std::memory_order_relaxed);
}

const RequestView& WorkerPort::request() const {
  return state_->request;
}

int64_t WorkerPort::read_body(char* buffer, size_t size) {
  State& s = *state_;
  if (s.slot == nullptr) return 0;
  const uint64_t left = s.request.body_size - s.body_read;
  const auto wanted = static_cast<size_t>(std::min<uint64_t>(size, left));
  if (wanted == 0) return 0;
  if (s.inline_body != nullptr) {
    std::memcpy(buffer, s.inline_body + s.body_read, wanted);
    s.body_read += wanted;
    return static_cast<int64_t>(wanted);
  }
  if (!s.spool) {
    // The file has no name any more; its gateway's descriptor is the only way to it.
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/fd/%d", s.slot->gateway_pid, s.slot->spool_fd);
    s.spool.reset(::open(path, O_RDONLY | O_CLOEXEC));
    if (!s.spool) return -1;
  }
  const ssize_t got = ::pread(s.spool.get(), buffer, wanted, static_cast<off_t>(s.body_read));
  if (got <= 0) return -1;
  s.body_read += static_cast<uint64_t>(got);
  return got;
}

void WorkerPort::State::wait_for_window() {
  while (record.free_blocks.load(std::memory_order_acquire) == 0) {
    const uint32_t seen = record.window.load();
    record.window_waiting.store(1);
    if (record.free_blocks.load() != 0) break;
    arena::futex_wait(record.window, seen);
  }
  record.window_waiting.store(0);
}

// Takes a free block; waits while the gateway has them all.
void WorkerPort::State::open_block() {
  if (block != kNoBlock) return;
  wait_for_window();
  const auto bit = static_cast<uint32_t>(__builtin_ctzll(record.free_blocks.load(std::memory_order_acquire)));
  record.block_slot[bit].store(0, std::memory_order_release);
  record.free_blocks.fetch_and(~(uint64_t{1} << bit));
  block = first_block + bit;
  used = unpublished = 0;
}

void WorkerPort::State::publish(SegmentKind kind, uint32_t begin, bool last) {
  if (rehearsing) {
    if (last) record.free_blocks.fetch_or(uint64_t{1} << (block - first_block));
    return;
  }
  record.block_slot[block - first_block].store(slot_index + 1, std::memory_order_release);
  const uint32_t at = slot->published.load(std::memory_order_relaxed);
  Segment& segment = slot->segments[at % kSegments];
  segment.block = block;
  segment.offset = begin;
  segment.length = (kind == SegmentKind::head ? head_end : used) - begin;
  segment.kind = kind;
  segment.last_of_block = last ? 1 : 0;
  if (!announced_first) {
    announced_first = true;
    slot->first_byte.store(monotonic_now(), std::memory_order_relaxed);
  }
  slot->published.store(at + 1, std::memory_order_release);
}

// Publishes what the current block holds and lets go of it.
void WorkerPort::State::publish_pending() {
  if (block == kNoBlock) return;
  if (head_end > 0) {
    const bool only_head = used == head_end;
    publish(SegmentKind::head, unpublished, only_head);
    unpublished = head_end;
    head_end = 0;
    if (only_head) {
      block = kNoBlock;
      return;
    }
  }
  publish(SegmentKind::body, unpublished, true);
  block = kNoBlock;
}

void WorkerPort::State::announce() {
  if (rehearsing) return;
  exchange.announce(slot_index);
}

Written WorkerPort::interim(int status, const HeadField* fields, size_t count) {
  State& s = *state_;
  if (s.slot == nullptr || client_gone()) return Written::client_gone;
  s.publish_pending();
  s.open_block();
  s.used =
      static_cast<uint32_t>(encode_response_head(status, {}, fields, count, s.exchange.block(s.block), kBlockSize));
  if (s.used == 0) return Written::too_large;
  s.publish(SegmentKind::interim, 0, true);
  s.block = kNoBlock;
  s.announce();
  return Written::ok;
}

Written WorkerPort::head(int status, std::string_view reason, const HeadField* fields, size_t count) {
  State& s = *state_;
  if (s.slot == nullptr) return Written::client_gone;
  s.open_block();
  const size_t size = encode_response_head(status, reason, fields, count, s.exchange.block(s.block), kBlockSize);
  if (size == 0) return Written::too_large;
  s.used = s.head_end = static_cast<uint32_t>(size);
  s.unpublished = 0;
  s.head_written = true;
  s.status = status;
  return Written::ok;
}

Written WorkerPort::body(const char* data, size_t size) {
  State& s = *state_;
  while (size > 0) {
    if (s.slot == nullptr || client_gone()) return Written::client_gone;
    s.open_block();
    const auto part = static_cast<uint32_t>(std::min<size_t>(size, kBlockSize - s.used));
    std::memcpy(s.exchange.block(s.block) + s.used, data, part);
    s.used += part;
    data += part;
    size -= part;
    if (s.used == kBlockSize) {
      s.publish_pending();
      s.announce();
    }
  }
  return Written::ok;
}

Written WorkerPort::flush() {
  State& s = *state_;
  if (s.slot == nullptr || client_gone()) return Written::client_gone;
  if (!s.streaming) {
    s.streaming = true;
    s.slot->flags.fetch_or(kStreaming);
  }
  if (s.block == kNoBlock) return Written::ok;
  s.publish_pending();
  s.announce();
  return Written::ok;
}

void WorkerPort::State::complete(uint32_t flags) {
  if (slot == nullptr) return;
  publish_pending();
  slot->done.store(monotonic_now(), std::memory_order_relaxed);
  if (flags != 0) slot->flags.fetch_or(flags);
  if (rehearsing) {
    judge_rehearsal();
    slot = nullptr;
    return;
  }
  spool.reset();
  record.requests.store(record.requests.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  record.current_slot.store(0, std::memory_order_relaxed);
  slot->state.store(SlotState::done, std::memory_order_release);
  slot = nullptr;
  announce();
  if (status >= 500 || flags != 0) note_error();  // last: the master may end this process for it
}

// While its generation is being tried, the master wants to know at once.
void WorkerPort::State::note_error() {
  record.errors.store(record.errors.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (exchange.global().canary_generation.load(std::memory_order_relaxed) == generation) exchange.poke_master();
}

void WorkerPort::finish() {
  state_->complete(state_->head_written ? 0U : static_cast<uint32_t>(kAborted));
}
void WorkerPort::abort() {
  state_->complete(kAborted);
}
bool WorkerPort::finished() const {
  return state_->slot == nullptr;
}
bool WorkerPort::head_sent() const {
  return state_->head_written;
}

bool WorkerPort::client_gone() const {
  return state_->slot != nullptr && (state_->slot->flags.load(std::memory_order_relaxed) & kAbandoned) != 0;
}

// Not for what new code does while it boots or rehearses: it would be taken for new again and again.
void WorkerPort::ask_for_reload() {
  if (state_->slot == nullptr || state_->rehearsing) return;
  state_->exchange.global().reload_asked.store(1, std::memory_order_release);
  state_->exchange.poke_master();
}

bool WorkerPort::is_copy() const {
  return state_->is_copy;
}

bool WorkerPort::has_forked() const {
  return state_->has_forked;
}

bool WorkerPort::log_was_reopened() const {
  return state_->exchange.global().log_reopened.load(std::memory_order_relaxed) != state_->log_reopened;
}

bool WorkerPort::is_first_to_warn() {
  return state_->exchange.global().warned.exchange(state_->generation) != state_->generation;
}

uint64_t WorkerPort::served() const {
  return state_->record.requests.load(std::memory_order_relaxed);
}

uint64_t WorkerPort::private_memory() const {
  return uint64_t{state_->record.private_kb.load(std::memory_order_relaxed)} << 10;
}

ProcessRecord& WorkerPort::record() const {
  return state_->record;
}

}  // namespace askr::exchange
