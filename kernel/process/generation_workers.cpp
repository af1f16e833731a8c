// The workers of a generation: as many as there shall be, replaced when they end, and those that rehearse.
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <tuple>

#include "base/descriptor_message.hpp"
#include "base/log.hpp"
#include "process/generation.hpp"
#include "process/last_words.hpp"

namespace askr::process {

// The template died before it told of a fork: either it never happened, or the worker has written its id by itself.
void Generation::settle_unanswered_forks() {
  auto records = host_.exchange.workers();
  for (unsigned position = 0; position < records.size() && forks_under_way_ > 0; ++position) {
    exchange::ProcessRecord& worker = records[position];
    if (worker.generation != number_ || worker.role != exchange::Role::worker) continue;
    const bool known = std::any_of(workers_.begin(), workers_.end(), [&](const auto& other) {
      return other->identity().record == host_.exchange.first_worker_record() + position;
    });
    if (known) continue;
    if (worker.pid != 0) {
      adopt_worker(position, worker.pid);
    } else {
      worker.role = exchange::Role::none;
      worker.state = exchange::ProcessState::none;
    }
  }
  forks_under_way_ = 0;
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
         std::any_of(workers_.begin(), workers_.end(), [this](const auto& worker) {
           return host_.exchange.records()[worker->identity().record].ready.load() == 0;
         });
}

// Those that run and shall stay, or are on their way.
size_t Generation::wanted_workers() const {
  const auto stays = [this](const auto& worker) {
    return host_.exchange.records()[worker->identity().record].retire == 0;
  };
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
    if (record.retire != 0) continue;
    order.emplace_back(record.state != exchange::ProcessState::idle, exchange::idle_since(record), index);
  }
  std::sort(order.begin(), order.end());
  order.resize(std::min(order.size(), all - wanted));
  for (const auto& [has_work, since, index] : order) {
    exchange::ProcessRecord& record = host_.exchange.records()[index];
    record.retire = exchange::kRetireNow;
    exchange::Exchange::wake(record);
  }
}

bool Generation::request_fork(const ForkRequest& request, int output) {
  // The template may be busy with as many forks as the socket holds; each one that it tells of leads here again.
  const std::string_view bytes(reinterpret_cast<const char*>(&request), sizeof request);
  return send_message(socket_.get(), bytes, output, MSG_DONTWAIT);
}

bool Generation::spawn_worker() {
  auto workers = host_.exchange.workers();
  const auto free = std::find_if(workers.begin(), workers.end(), [](const exchange::ProcessRecord& record) {
    return record.role == exchange::Role::none;
  });
  if (free == workers.end()) {
    log::warning("no room for another worker until an older generation has finished its requests");
    return false;
  }
  free->role = exchange::Role::worker;
  free->index = static_cast<uint32_t>(free - workers.begin());
  free->generation = number_;
  free->started = monotonic_now();
  free->state = exchange::ProcessState::starting;
  free->requests = 0;
  free->errors = 0;
  free->private_kb = 0;
  free->measured = 0;
  free->last_request = 0;
  free->request_ns = 0;
  free->note_size = 0;
  free->retire = 0;
  free->ready = 0;
  free->ready_at = 0;
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
  rehearsing_ = 0;
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
  rehearsing_ = 0;
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
  if (forks_under_way_ > 0) --forks_under_way_;
  const unsigned record = host_.exchange.first_worker_record() + position;
  if (pid < 0) {
    host_.exchange.records()[record].role = exchange::Role::none;
    on_fork_failure();
    return;
  }
  forks_fail_since_ = 0;
  host_.exchange.records()[record].pid = pid;
  workers_.push_back(std::make_unique<Child>(host_.loop, pid, ChildIdentity{exchange::Role::worker, record, number_},
                                             [this](Child& child, int status) { on_worker_exit(child, status); }));
  watch_ages();
  watch_boots();
  if (retiring_) {
    host_.exchange.records()[record].retire = exchange::kRetireNow;
    exchange::Exchange::wake(host_.exchange.records()[record]);
  }
  check_ready();  // it may have said so before the template told of it
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
    rehearsing_ = 0;
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
  const bool was_ready = record.ready.load() != 0;
  const bool was_surplus = record.retire.load() != 0;
  const bool boot_failed =
      WIFEXITED(status) && (WEXITSTATUS(status) == php::kBootFailed || WEXITSTATUS(status) == php::kNeverHandled);
  const exchange::LostRequest lost = exchange::reclaim_worker(host_.exchange, record_index);
  const bool fails_generation = boot_failed && !ready_ && !retiring_ && !over_;
  if (record.has_uploads.exchange(0) != 0) {
    host_.uploads.remove_of_worker(record_index - host_.exchange.first_worker_record());
  }
  if (!fails_generation) log_worker_end(worker, status, lost);
  record.role = exchange::Role::none;
  known_ready_.erase(record_index);
  const unsigned lost_requests = lost.id.empty() ? 0 : 1;
  ended_.requests += record.requests.load(std::memory_order_relaxed) + lost_requests;
  ended_.errors += record.errors.load(std::memory_order_relaxed) + lost_requests;
  std::erase_if(workers_, [&worker](const auto& other) { return other.get() == &worker; });

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
  if (!lost.id.empty()) events_.lost_request(*this);
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
    log::error("worker {} (pid {}) {} before it was ready; trying again in {:.1f} s, {}", record.index.load(), pid,
               describe_status(status), static_cast<double>(delay) / kSecond, who_goes_on());
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
  if (record.ready_at.load() == 0) {
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
    if (!what.empty()) log::warning("worker {} was ended{}", record.index.load(), what);
    return;
  }
  log::error("worker {} (pid {}) {}{}", record.index.load(), worker.pid(), describe_status(status), what);
  log_note(record);
}

}  // namespace askr::process
