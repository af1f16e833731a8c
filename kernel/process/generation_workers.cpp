// The workers of a generation: as many as there shall be, replaced when they end, and those that rehearse.
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <tuple>

#include "base/descriptor_message.hpp"
#include "base/log.hpp"
#include "process/generation.hpp"
#include "process/last_words.hpp"

namespace askr::process {

namespace {

// Of its own doing, and not at our wish: ends that we bring about, and the kernel's for want of memory, are SIGKILL.
bool is_fault(int status) {
  constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
  return WIFSIGNALED(status) &&
         std::find(std::begin(kFaults), std::end(kFaults), WTERMSIG(status)) != std::end(kFaults);
}

}  // namespace

// The template died before it told of a fork: either it never happened, or the worker has written its id by itself.
void Generation::settle_unanswered_forks() {
  for (unsigned position = 0; position < host_.exchange.worker_records() && forks_under_way_ > 0; ++position) {
    const unsigned record = host_.exchange.first_worker_record() + position;
    exchange::Assignment& assignment = host_.exchange.assignments()[record];
    if (assignment.generation != number_ || assignment.role != exchange::Role::worker) continue;
    if (knows(record)) continue;
    if (const pid_t pid = host_.exchange.records()[record].own_pid; is_new_child(host_.exchange, pid)) {
      adopt_worker(position, pid);
    } else {
      assignment.role = exchange::Role::none;
      host_.exchange.records()[record].state = exchange::ProcessState::none;
    }
  }
  forks_under_way_ = 0;
}

bool Generation::knows(unsigned record) const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [record](const auto& worker) { return worker->identity().record == record; });
}

// What has been seen once is not taken back by what a worker writes.
bool Generation::has_been_ready(const Child& worker) const {
  const unsigned record = worker.identity().record;
  return known_ready_.contains(record) || host_.exchange.records()[record].ready.load() != 0;
}

exchange::Assignment& Generation::assigned(const Child& worker) const {
  return host_.exchange.assignments()[worker.identity().record];
}

void Generation::retire_worker(unsigned record) const {
  host_.exchange.assignments()[record].retire = exchange::kRetireNow;
  host_.exchange.wake(record);
}

void Generation::spawn_missing() {
  if (!template_ready_ || retiring_ || over_) return;
  // The first worker to boot a worker script does it alone: if that fails it is told once, and what it compiled the
  // others find.
  const bool boots_itself = host_.settings.worker_mode() && !host_.settings.boots_in_template();
  const bool is_first = boots_itself && !ready_ && known_ready_.empty();
  const unsigned wanted = is_first || rehearses() ? 1 : target();
  while (wanted_workers() < wanted && may_spawn() && spawn_worker()) {
  }
}

// What serves has all its time: as long as workers do not come to boot, one at a time tries.
bool Generation::may_spawn() const {
  return !serves_ || !policy_.fails() || !tries_already();
}

bool Generation::tries_already() const {
  return forks_under_way_ > 0 || delayed_ > 0 ||
         std::any_of(workers_.begin(), workers_.end(), [this](const auto& worker) { return !has_been_ready(*worker); });
}

// Those that run and shall stay, or are on their way.
size_t Generation::wanted_workers() const {
  const auto stays = [this](const auto& worker) { return assigned(*worker).retire == 0; };
  return static_cast<size_t>(std::count_if(workers_.begin(), workers_.end(), stays)) + forks_under_way_ + delayed_;
}

// More than wanted: those without work end, the one that had none for longest first. If these are too few, others end
// after what they run.
void Generation::retire_surplus() {
  if (!ready_ || retiring_ || over_) return;
  const size_t wanted = target();
  const size_t all = wanted_workers();
  if (all <= wanted) return;
  std::vector<std::tuple<bool, int64_t, unsigned>> order;  // has work, without since, record
  for (const auto& worker : workers_) {
    const unsigned index = worker->identity().record;
    const exchange::ProcessRecord& record = host_.exchange.records()[index];
    if (assigned(*worker).retire != 0) continue;
    const int64_t since = exchange::idle_since(assigned(*worker), record);
    order.emplace_back(record.state != exchange::ProcessState::idle, since, index);
  }
  std::sort(order.begin(), order.end());
  order.resize(std::min(order.size(), all - wanted));
  for (const auto& [has_work, since, index] : order) retire_worker(index);
}

bool Generation::request_fork(const ForkRequest& request, int output) {
  // The template may be busy with as many forks as the socket holds; each one that it tells of leads here again.
  const std::string_view bytes(reinterpret_cast<const char*>(&request), sizeof request);
  return send_message(socket_.get(), bytes, output, MSG_DONTWAIT);
}

bool Generation::spawn_worker() {
  const auto all = host_.exchange.assignments().first(host_.exchange.worker_records());
  const auto free = std::find_if(all.begin(), all.end(), [](const exchange::Assignment& assignment) {
    return assignment.role == exchange::Role::none;
  });
  if (free == all.end()) {
    log::warning("no room for another worker until an older generation has finished its requests");
    return false;
  }
  free->role = exchange::Role::worker;
  free->index = static_cast<uint32_t>(free - all.begin());
  free->generation = number_;
  free->started = monotonic_now();
  free->retire = 0;
  free->may_rewind = rewind_policy_.may_rewind() ? 1 : 0;
  exchange::begin_record(host_.exchange.workers()[free->index]);
  ForkRequest request{.position = free->index};
  if (rehearses()) begin_rehearsal(host_.exchange.first_worker_record() + free->index, request);
  if (!request_fork(request)) {
    free->role = exchange::Role::none;
    return false;
  }
  ++forks_under_way_;
  return true;
}

// One worker runs all of them, unless each request has a worker of its own.
void Generation::begin_rehearsal(unsigned record, ForkRequest& request) {
  rehearsing_ = record;
  request.first_rehearsal = static_cast<uint32_t>(rehearsed_);
  request.rehearsals = host_.settings.isolates() ? 1 : static_cast<uint32_t>(rehearsals_.size() - rehearsed_);
  const int64_t limit = host_.settings.server.request_timeout * request.rehearsals;
  host_.alarms.at(monotonic_now() + limit, [this, alive = alive_, record, run = ++rehearsal_runs_] {
    if (*alive && rehearsing_ == record && rehearsal_runs_ == run) end_overdue(record);
  });
}

// The worker that ran rehearsals has ended.
void Generation::end_rehearsal(int status, const exchange::ProcessRecord& record) {
  rehearsing_ = kNobody;
  if (WIFEXITED(status) && WEXITSTATUS(status) == php::kRecycled) {
    ++rehearsed_;
    spawn_missing();
    return;
  }
  const bool answered = WIFEXITED(status) && WEXITSTATUS(status) == php::kRehearsalFailed;
  const std::string note = note_of(record);
  const std::string why =
      answered ? note : fmt::format("the worker for the warm-up requests {}: {}", describe_status(status), note);
  if (must_pass_ == Rehearsals::must_pass) {
    give_up({why});
    return;
  }
  log::warning("{}", why);
  rehearsed_ = rehearsals_.size();
  spawn_missing();
}

// The template that learns loads PHP as always; one worker of it runs the rehearsals. What they show is for another
// template, because PHP preloads while it starts.
Result<> Generation::begin_learning() {
  class_list_.reset(::memfd_create("askr-classes", MFD_CLOEXEC));
  if (!class_list_) return system_error("cannot make a list of classes to preload");
  classes_ = php::ClassList::learn;
  return ok();
}

void Generation::end_learning(int status, const exchange::ProcessRecord& record) {
  rehearsing_ = kNobody;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != php::kLearnt) {
    log::warning("the worker that learns which classes to preload {}: {}", describe_status(status), note_of(record));
  }
  classes_ = php::ClassList::preload;
  starts_anew_ = true;
  ::shutdown(socket_.get(), SHUT_WR);
}

// PHP has not started with the classes. False: that is not why it has not started.
bool Generation::preload_nothing(const std::string& why) {
  if (classes_ != php::ClassList::preload || starts_anew_) return false;
  log::warning("no classes are preloaded: {}", why);
  classes_ = php::ClassList::none;
  return true;
}

void Generation::adopt_worker(uint32_t position, pid_t pid) {
  const unsigned record = host_.exchange.first_worker_record() + position;
  if (!expects(position, pid)) {
    log::error("the template tells of a worker {} (pid {}) that nobody has asked for", position, pid);
    return;
  }
  if (forks_under_way_ > 0) --forks_under_way_;
  if (pid < 0) {
    host_.exchange.assignments()[record].role = exchange::Role::none;
    on_fork_failure();
    return;
  }
  forks_fail_since_ = 0;
  host_.exchange.assignments()[record].pid = pid;
  workers_.push_back(std::make_unique<Child>(host_.loop, pid, ChildIdentity{exchange::Role::worker, record, number_},
                                             [this](Child& child, int status) { on_worker_exit(child, status); }));
  watch_ages();
  watch_boots();
  if (retiring_) retire_worker(record);
  check_ready();  // it may have said so before the template told of it
}

// Applications run in the template too.
bool Generation::expects(uint32_t position, pid_t pid) const {
  if (position >= host_.exchange.worker_records()) return false;
  const unsigned record = host_.exchange.first_worker_record() + position;
  const exchange::Assignment& assignment = host_.exchange.assignments()[record];
  const bool is_asked_for = assignment.role == exchange::Role::worker && assignment.generation == number_;
  return is_asked_for && !knows(record) && (pid < 0 || is_new_child(host_.exchange, pid));
}

// A server that has never been ready tries three times; one that runs goes on with the workers that it has.
void Generation::on_fork_failure() {
  constexpr int64_t kPatience = 2 * kSecond;
  constexpr std::string_view kWhy = "cannot fork a worker (memory or process limit)";
  if (retiring_ || over_) {
    if (empty()) events_.emptied(*this);
    return;
  }
  const int64_t now = monotonic_now();
  if (forks_fail_since_ == 0) forks_fail_since_ = now;
  if (ready_) {
    log::error("{}; trying again in a second", kWhy);
  } else if (now - forks_fail_since_ >= kPatience) {
    give_up({std::string(kWhy)});
    return;
  }
  spawn_later(kSecond);
}

void Generation::check_ready() {
  for (const auto& worker : workers_) {
    const unsigned record = worker->identity().record;
    if (host_.exchange.records()[record].ready.load() == 0 || !known_ready_.insert(record).second) continue;
    policy_.on_ready();
    last_early_end_.clear();
    if (record != rehearsing_) continue;
    rehearsing_ = kNobody;
    rehearsed_ = rehearsals_.size();
  }
  if (ready_ || !known_ready_.empty()) spawn_missing();
  retire_surplus();
  if (announced_ || over_ || retiring_ || rehearses() || known_ready_.size() < target()) return;
  ready_ = announced_ = true;
  events_.booted(*this);
}

void Generation::on_worker_exit(Child& worker, int status) {
  const unsigned record_index = worker.identity().record;
  const pid_t pid = worker.pid();
  exchange::ProcessRecord& record = host_.exchange.records()[record_index];
  const bool was_ready = has_been_ready(worker);
  const bool was_surplus = assigned(worker).retire.load() != 0;
  const bool boot_failed =
      WIFEXITED(status) && (WEXITSTATUS(status) == php::kBootFailed || WEXITSTATUS(status) == php::kNeverHandled);
  const exchange::LostRequest lost = exchange::reclaim_worker(host_.exchange, record_index);
  const bool fails_generation = boot_failed && !ready_ && !retiring_ && !over_;
  if (record.has_uploads.exchange(0) != 0) {
    host_.uploads.remove_of_worker(record_index - host_.exchange.first_worker_record());
  }
  if (!fails_generation) log_worker_end(worker, status, lost);
  note_not_rewound(worker, record);
  assigned(worker).role = exchange::Role::none;
  known_ready_.erase(record_index);
  const unsigned lost_requests = lost.id.empty() ? 0 : 1;
  ended_.requests += record.requests.load(std::memory_order_relaxed) + lost_requests;
  lost_requests_ += lost_requests;
  ended_.errors += record.errors.load(std::memory_order_relaxed) + lost_requests;
  std::erase_if(workers_, [&worker](const auto& other) { return other.get() == &worker; });
  look_at_rewinding();

  if (retiring_ || over_) {
    if (empty()) events_.emptied(*this);
    return;
  }
  if (fails_generation) {
    give_up({note_of(record)});
    return;
  }
  if (record_index == rehearsing_) {
    classes_ == php::ClassList::learn ? end_learning(status, record) : end_rehearsal(status, record);
    return;
  }
  if (was_surplus) {  // however it ended; unless more are wanted by now, nobody takes its place
    spawn_missing();
    return;
  }
  const bool served_its_request =
      host_.settings.isolates() && WIFEXITED(status) && WEXITSTATUS(status) == php::kRecycled;
  if (!served_its_request) host_.exchange.global().respawns.fetch_add(1);
  replace(record, pid, was_ready, status);
  if (is_fault(status)) events_.crashed(*this);
  if (!lost.id.empty()) events_.lost_request(*this);
}

// One without a request, as a rehearsal, has not cost any.
void Generation::note_not_rewound(const Child& worker, const exchange::ProcessRecord& record) {
  if (!host_.settings.rewinds()) return;
  const uint32_t said = record.not_rewound.load(std::memory_order_relaxed);
  const uint64_t served = record.requests.load(std::memory_order_relaxed);
  if (said == 0 || said >= static_cast<uint32_t>(exchange::NotRewound::count) || served == 0) return;
  host_.exchange.global().not_rewound[said].fetch_add(1);
  const auto reason = exchange::NotRewound{static_cast<uint8_t>(said)};
  if (reason == exchange::NotRewound::log_reopened || assigned(worker).may_rewind.load() == 0) return;
  if (rewind_policy_.on_failure(served)) stop_rewinding();
}

void Generation::stop_rewinding() {
  if (serves_) host_.exchange.global().forks_each = 1;
  if (std::exchange(not_rewinding_since_, monotonic_now()) != 0) return;  // told before
  log::warning(
      "{} workers in a row could not be rewound; from here on each request has a forked process of its own, as with "
      "isolation = \"request\", and now and then a worker tries again (askr status counts the reasons)",
      RewindPolicy::kWindow);
}

// Is a worker that tries again on a good way?
void Generation::look_at_rewinding() {
  if (rewind_policy_.pays()) return;
  for (const auto& worker : workers_) {
    const exchange::Assignment& assignment = assigned(*worker);
    if (assignment.may_rewind.load() == 0 || assignment.started.load() < not_rewinding_since_) continue;
    const exchange::ProcessRecord& record = host_.exchange.records()[worker->identity().record];
    if (!rewind_policy_.on_progress(record.requests.load(std::memory_order_relaxed))) continue;
    if (serves_) host_.exchange.global().forks_each = 0;
    return;
  }
}

void Generation::replace(const exchange::ProcessRecord& record, pid_t pid, bool was_ready, int status) {
  const int64_t delay = policy_.on_death(was_ready);
  if (delay < 0) {
    give_up({fmt::format("workers died {} times in a row before they were ready; the last one {}",
                         RespawnPolicy::kGiveUp, describe_status(status))});
    return;
  }
  if (delay == 0) {
    spawn_missing();
    return;
  }
  if (serves_ && policy_.is_worth_a_line(monotonic_now())) {
    log::error("worker {} (pid {}) {} before it was ready; trying again in {:.1f} s, {}",
               host_.exchange.assigned(record).index.load(), pid, describe_status(status),
               static_cast<double>(delay) / kSecond, who_goes_on());
    log_note(record);
  }
  if (!serves_ || !tries_already()) spawn_later(delay);
}

void Generation::spawn_later(int64_t delay) {
  ++delayed_;
  host_.alarms.at(monotonic_now() + delay, [this, alive = alive_] {
    if (!*alive) return;
    --delayed_;
    spawn_missing();
  });
}

// A worker that ended as it should is not worth a line. Those that try to boot and end in the same way are worth one.
void Generation::log_worker_end(const Child& worker, int status, const exchange::LostRequest& lost) {
  const bool expected =
      WIFEXITED(status) && (WEXITSTATUS(status) == php::kRetired || WEXITSTATUS(status) == php::kRecycled ||
                            WEXITSTATUS(status) == php::kRehearsalFailed || WEXITSTATUS(status) == php::kLearnt);
  const bool given_up = !ready_ && (retiring_ || over_);  // and killed, which has been told
  if (expected || given_up) return;
  const exchange::ProcessRecord& record = host_.exchange.records()[worker.identity().record];
  if (!has_been_ready(worker) && record.ready_at.load() == 0) {
    if (serves_) return;  // replace() tells of it, and of the next attempt
    std::string end = describe_status(status) + note_of(record);
    if (end == last_early_end_) return;
    last_early_end_ = std::move(end);
  }
  std::string what;
  if (!lost.id.empty()) {
    // A process that is killed has no last words.
    const std::string script = host_.settings.worker_mode() ? host_.settings.worker.script : root_ + lost.script_name;
    what = fmt::format(" while it ran {} {} ({}, request {})", lost.method, lost.uri, script, lost.id);
  }
  if (killed_ && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {  // by us, which is no failure of the worker's
    if (!what.empty()) log::warning("worker {} was ended{}", assigned(worker).index.load(), what);
    return;
  }
  log::error("worker {} (pid {}) {}{}", assigned(worker).index.load(), worker.pid(), describe_status(status), what);
  log_note(record);
}

}  // namespace askr::process
