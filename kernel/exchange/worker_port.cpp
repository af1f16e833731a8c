// How a worker comes by requests: from the queue, before that from the rehearsals of its generation. And what it says
// of itself.
#include "exchange/worker_port.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>

#include "arena/futex.hpp"
#include "base/log.hpp"
#include "base/process_memory.hpp"
#include "exchange/codec.hpp"
#include "exchange/worker_port_state.hpp"

namespace askr::exchange {
namespace {

// How long an idle worker spins before it sleeps: waking it costs about 25 us, so a little more than that.
constexpr int64_t kSpin = 50 * kMicrosecond;
constexpr int64_t kMeasureEach = kSecond;
// A request that took longer than this counts as if it had taken this: it moves the average slowly, as it should when
// the processor was taken away for a while.
constexpr int64_t longest_sample(int64_t average) {
  return 2 * average + kMicrosecond;
}
constexpr int64_t kAverageOver = 8;

}  // namespace

WorkerPort::WorkerPort(Exchange& exchange, unsigned worker_index, uint32_t generation)
    : state_(std::make_unique<State>(exchange, worker_index, generation)) {
  state_->request.fields.reserve(128);
  state_->copy.reserve(kRequestArea);
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

size_t WorkerPort::rehearsals_left() const {
  return state_->rehearsals.size();
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
  // Ordered behind the store of `parked`: the master stores, then looks there.
  const uint32_t retire = std::max(assigned.retire.load(), record.orphaned.load());
  return retire == kRetireNow || (retire == kRetireWhenIdle && exchange.queue().looks_empty());
}

// A gateway may have woken this worker for a request, just when it was told to stop: another one shall look.
Wait WorkerPort::State::leave() const {
  note_leaving();
  if (!exchange.queue().looks_empty()) exchange.wake_workers(1);
  return Wait::retire;
}

// Only the first one in a long while wakes the master, which sets the flag back, then looks at all workers; so the time
// is stored before the flag is read.
void WorkerPort::State::note_leaving() const {
  record.left_at.store(monotonic_now());
  std::atomic<uint32_t>& watched = exchange.worker_words().leaving_watched;
  if (watched.load() == 0 && watched.exchange(1) == 0) exchange.poke_master();
}

// The request before was followed by this one at once, so all the time between them went into it.
void WorkerPort::State::note_pace(int64_t now) {
  const int64_t began = record.last_request.load(std::memory_order_relaxed);
  if (began == 0) return;
  const int64_t average = record.request_ns.load(std::memory_order_relaxed);
  const int64_t took = average == 0 ? now - began : std::min(now - began, longest_sample(average));
  const int64_t moved = average == 0 ? took : average + (took - average) / kAverageOver;
  record.request_ns.store(static_cast<uint32_t>(std::clamp<int64_t>(moved, 1, kSecond)), std::memory_order_relaxed);
}

// What a worker on trial was killed by goes to the code that is known to work.
Takes WorkerPort::State::takes() const {
  if (!exchange.serves(generation)) return Takes::nothing;
  const bool is_on_trial = exchange.global().canary_generation.load(std::memory_order_relaxed) == generation;
  return is_on_trial ? Takes::first_attempts : Takes::anything;
}

bool WorkerPort::State::take(Since since) {
  if (exchange.queue().looks_empty()) return false;
  const int64_t now = monotonic_now();
  QueueEntry taken{};
  if (!exchange.queue().pop(record_index, now, taken, [this] { return takes(); })) return false;

  slot_index = taken.slot;
  slot = &exchange.slots()[slot_index];
  order = &exchange.orders()[slot_index];
  ticket = taken.ticket;
  const size_t head_size = copy_request();
  if (!is_still_mine()) {
    slot = nullptr;
    return false;
  }
  record.current_slot.store(slot_index + 1, std::memory_order_relaxed);
  record.state.store(ProcessState::busy, std::memory_order_relaxed);
  if (since == Since::last_request) note_pace(now);
  record.last_request.store(now, std::memory_order_relaxed);
  slot->started.store(now, std::memory_order_relaxed);

  open_request(std::string_view(copy).substr(0, head_size));
  if (open_body()) return true;
  decline();
  return false;
}

// Once, as it is now: when a request was given up, its slot is soon another client's. Returns the size of the head.
size_t WorkerPort::State::copy_request() {
  const size_t head_size = std::min<size_t>(order->head_size, kLargestHead);
  const bool is_inline = order->spooled == 0;
  const size_t body_size = is_inline ? std::min<size_t>(order->body_size, kRequestArea - head_size) : 0;
  copy.assign(exchange.request_area(slot_index), head_size + body_size);
  std::atomic_thread_fence(std::memory_order_acquire);  // what it belongs to is looked at behind that
  inline_body = std::string_view(copy).substr(head_size);
  body_is_inline = is_inline;
  return head_size;
}

// A body that waits in a file is asked for before anything runs: a request without its body must not.
bool WorkerPort::State::open_body() {
  if (body_is_inline) return true;
  const unsigned gateway = exchange.gateway_of(slot_index);
  const unsigned gateway_record = exchange.gateway_record(gateway);
  const BodyRequest request_for_it(record, overdue_mark(slot_index, ticket));
  spool = request_for_it.wait(exchange.assignments()[gateway_record].pid, [&] {
    exchange.sleep(gateway_record).body_asked.store(1);
    exchange.poke_gateway(gateway);
    return is_still_mine();
  });
  return static_cast<bool>(spool);
}

void WorkerPort::State::decline() {
  log::error("{} {}: not run, because its gateway has no body for it (request {})", request.method, request.uri,
             request.id);
  record.current_slot.store(0, std::memory_order_relaxed);
  slot->done.store(monotonic_now(), std::memory_order_relaxed);
  slot->flags.fetch_or(kAborted);
  slot->state.store(SlotState::done, std::memory_order_release);
  slot = nullptr;
  announce();
}

void WorkerPort::State::open_request(std::string_view encoded) {
  if (!decode_request(encoded.data(), encoded.size(), request)) request.fields.clear();  // somebody has scribbled
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
  order = &nobody_asks;
  ticket = 0;
  inline_body = {};
  body_is_inline = true;
  record.state.store(ProcessState::busy, std::memory_order_relaxed);
  open_request(rehearsal);
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
  rest.parked.store(1);
  log::reopen_if_asked();  // ordered behind that store: the master counts, then wakes who is parked
  const bool work = !exchange.queue().looks_empty() && exchange.queue().has_for(takes());
  if (work || should_stop()) {
    rest.parked.store(0);
    return;
  }
  while (rest.parked.load() == 1) arena::futex_wait(rest.parked, 1);
}

Wait WorkerPort::wait() {
  finish();
  State& s = *state_;
  if (s.is_copy) return Wait::retire;
  s.record.left_at.store(0, std::memory_order_relaxed);
  if (s.booted && s.stage != nullptr && s.take_rehearsal()) return Wait::request;
  if (s.rehearsal_failed) return Wait::retire;
  if (s.booted && s.record.requests.load(std::memory_order_relaxed) > 0) s.measure_memory();
  s.record.state.store(ProcessState::idle, std::memory_order_relaxed);
  for (Since since = Since::last_request;; since = Since::rest) {
    if (s.should_stop()) return s.leave();
    if (s.take(since)) return Wait::request;
    s.spin();
    if (s.should_stop()) return s.leave();
    if (s.take(Since::rest)) return Wait::request;
    s.sleep();
  }
}

void WorkerPort::leave_request() {
  if (!state_->is_copy) state_->note_leaving();
}

void WorkerPort::set_deferred(bool deferred) {
  if (state_->is_copy) return;
  state_->record.state.store(deferred ? ProcessState::deferred : ProcessState::busy, std::memory_order_relaxed);
}

const RequestView& WorkerPort::request() const {
  return state_->request;
}

void WorkerPort::ask_for_reload() {
  if (state_->slot == nullptr || state_->rehearsing) return;
  state_->exchange.worker_words().reload_asked.store(1, std::memory_order_release);
  state_->exchange.poke_master();
}

bool WorkerPort::is_copy() const {
  return state_->is_copy;
}

bool WorkerPort::has_forked() const {
  return state_->has_forked;
}

void WorkerPort::set_forked(bool forked) {
  state_->has_forked = forked;
}

bool WorkerPort::log_was_reopened() const {
  return state_->exchange.global().log_reopened.load(std::memory_order_relaxed) != state_->log_reopened;
}

bool WorkerPort::is_first_to_warn(SharedWarning warning) {
  std::atomic<uint32_t>& warned = state_->exchange.worker_words().warned[static_cast<size_t>(warning)];
  return warned.exchange(state_->generation) != state_->generation;
}

bool WorkerPort::may_rewind() const {
  return state_->assigned.may_rewind.load() != 0;
}

bool WorkerPort::note_not_rewound(NotRewound reason) {
  if (state_->is_copy) return false;  // the record is another process's
  state_->record.not_rewound.store(static_cast<uint32_t>(reason), std::memory_order_relaxed);
  std::atomic<uint32_t>& told = state_->exchange.worker_words().told[static_cast<size_t>(reason)];
  return told.exchange(state_->generation) != state_->generation;
}

uint64_t WorkerPort::served() const {
  return state_->record.requests.load(std::memory_order_relaxed);
}

uint64_t WorkerPort::private_memory() const {
  return uint64_t{state_->record.private_kb.load(std::memory_order_relaxed)} << 10;
}

unsigned WorkerPort::position() const {
  return state_->record_index - exchange::Exchange::first_worker_record();
}

ProcessRecord& WorkerPort::record() const {
  return state_->record;
}

}  // namespace askr::exchange
