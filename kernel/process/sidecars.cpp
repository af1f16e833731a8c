#include "process/sidecars.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "base/log.hpp"
#include "process/generation.hpp"
#include "process/last_words.hpp"
#include "process/minutes.hpp"
#include "process/sidecar_process.hpp"

namespace askr::process {
namespace {

// A run that takes longer than a minute does not hold up the next one, as with cron; so many at most.
constexpr unsigned kMostRuns = 8;
constexpr int64_t kRetry = kSecond;

unsigned wanted_queue_workers(const config::Settings& settings) {
  return settings.queue.script.empty() ? 0 : settings.queue.workers;
}

}  // namespace

Sidecars::Sidecars(GenerationHost& host, uint32_t generation, Fork fork, std::function<void()> emptied)
    : host_(host), generation_(generation), fork_(std::move(fork)), emptied_(std::move(emptied)) {}

Sidecars::~Sidecars() {
  *alive_ = false;
}

unsigned Sidecars::records(const config::Settings& settings) {
  const unsigned runs = settings.scheduler.script.empty() ? 0 : kMostRuns;
  return 2 * (wanted_queue_workers(settings) + runs + static_cast<unsigned>(settings.sidecars.size()));
}

bool Sidecars::empty() const {
  return std::all_of(sidecars_.begin(), sidecars_.end(), [](const auto& sidecar) {
    return sidecar->state != State::forking && sidecar->state != State::running;
  });
}

// ---------------------------------------------------------------- starting

void Sidecars::start() {
  if (started_ || ending_) return;
  started_ = true;
  const config::Settings& settings = host_.settings;
  for (unsigned index = 0; index < wanted_queue_workers(settings); ++index) {
    launch(add(Kind::queue, fmt::format("queue {}", index)));
  }
  for (const config::SidecarSettings& command : settings.sidecars) {
    launch(add(Kind::command, "sidecar " + command.name, &command));
  }
  if (!settings.scheduler.script.empty()) await_minute();
}

Sidecars::Sidecar& Sidecars::add(Kind kind, std::string name, const config::SidecarSettings* command) {
  sidecars_.push_back(std::make_unique<Sidecar>(Sidecar{kind, std::move(name), command}));
  return *sidecars_.back();
}

void Sidecars::launch(Sidecar& sidecar) {
  if (!take_record(sidecar)) {
    log::warning("no room for {} until those of an older generation have ended", sidecar.name);
    launch_later(sidecar, kRetry);
    return;
  }
  const auto output = host_.sidecar_output.open(sidecar.name);
  if (output) return launch_with(sidecar, output.value());
  log::error("{}; trying again in a second", output.error().message);
  release_record(sidecar);
  launch_later(sidecar, kRetry);
}

void Sidecars::launch_with(Sidecar& sidecar, const UniqueFd& output) {
  sidecar.started = monotonic_now();
  if (sidecar.kind == Kind::command) {
    on_forked(sidecar, start_command(*sidecar.command, host_.account, output.get()));
    return;
  }
  sidecar.state = State::forking;
  const ForkAs as = sidecar.kind == Kind::queue ? ForkAs::queue : ForkAs::scheduler;
  if (fork_({sidecar.position, as}, output.get())) return;
  release_record(sidecar);
  sidecar.state = State::wants_template;
  // Or there is one, with more forks before it than its socket holds.
  host_.alarms.at(monotonic_now() + kRetry, [this, alive = alive_, &sidecar] {
    if (*alive && !ending_ && sidecar.state == State::wants_template) launch(sidecar);
  });
}

void Sidecars::launch_later(Sidecar& sidecar, int64_t delay) {
  sidecar.state = State::waiting;
  host_.alarms.at(monotonic_now() + delay, [this, alive = alive_, &sidecar] {
    if (*alive && !ending_) launch(sidecar);
  });
}

bool Sidecars::take_record(Sidecar& sidecar) {
  const auto all =
      host_.exchange.assignments().subspan(host_.exchange.first_sidecar_record(), host_.exchange.options().sidecars);
  const auto free = std::find_if(all.begin(), all.end(), [](const exchange::Assignment& assignment) {
    return assignment.role == exchange::Role::none;
  });
  if (free == all.end()) return false;
  sidecar.position = static_cast<uint32_t>(free - all.begin());
  free->role = exchange::Role::sidecar;
  free->index = sidecar.position;
  free->generation = generation_;
  free->started = monotonic_now();
  free->retire = 0;
  free->name[sidecar.name.copy(free->name, sizeof free->name - 1)] = '\0';
  exchange::ProcessRecord& record = record_of(sidecar);
  record.state = exchange::ProcessState::running;
  record.own_pid = 0;
  record.orphaned = 0;
  record.note_size = 0;
  return true;
}

exchange::ProcessRecord& Sidecars::record_of(const Sidecar& sidecar) const {
  return host_.exchange.sidecars()[sidecar.position];
}

exchange::Assignment& Sidecars::assigned(const Sidecar& sidecar) const {
  return host_.exchange.assigned(record_of(sidecar));
}

void Sidecars::release_record(const Sidecar& sidecar) {
  assigned(sidecar).pid = 0;
  assigned(sidecar).role = exchange::Role::none;
}

void Sidecars::adopt(uint32_t position, pid_t pid) {
  const auto found = std::find_if(sidecars_.begin(), sidecars_.end(), [position](const auto& sidecar) {
    return sidecar->state == State::forking && sidecar->position == position;
  });
  if (found != sidecars_.end() && (pid < 0 || is_new_child(host_.exchange, pid))) on_forked(**found, pid);
}

void Sidecars::on_forked(Sidecar& sidecar, pid_t pid) {
  if (pid < 0) {
    log::error("cannot fork {} (memory or process limit); trying again in a second", sidecar.name);
    release_record(sidecar);
    launch_later(sidecar, kRetry);
    return;
  }
  assigned(sidecar).pid = pid;
  sidecar.state = State::running;
  const ChildIdentity identity{exchange::Role::sidecar, host_.exchange.first_sidecar_record() + sidecar.position,
                               generation_};
  sidecar.child = std::make_unique<Child>(host_.loop, pid, identity,
                                          [this, &sidecar](Child& /*child*/, int status) { on_exit(sidecar, status); });
  const bool is_command = sidecar.kind == Kind::command;
  host_.sidecar_guard.watch(pid, is_command ? SidecarGuard::Asks::group : SidecarGuard::Asks::leader);
  if (sidecar.kind != Kind::scheduler) sidecar.child->wait_before_reaping([this, &sidecar] { end_group(sidecar); });
  if (ending_) ask_to_end(sidecar);
  if (killed_) kill(sidecar);
}

void Sidecars::on_template_ready() {
  for (size_t index = 0; index < sidecars_.size() && !ending_; ++index) {
    if (sidecars_[index]->state == State::wants_template) launch(*sidecars_[index]);
  }
}

// It died before it told of a fork: either it never happened, or the sidecar has written its id by itself.
void Sidecars::on_template_exit() {
  for (const auto& sidecar : sidecars_) {
    if (sidecar->state != State::forking) continue;
    if (const int pid = record_of(*sidecar).own_pid; is_new_child(host_.exchange, pid)) {
      on_forked(*sidecar, pid);
    } else {
      release_record(*sidecar);
      sidecar->state = State::wants_template;
    }
  }
}

// ---------------------------------------------------------------- ends

void Sidecars::end_group(Sidecar& sidecar) {
  sidecar.group = std::make_unique<GroupEnding>(host_.loop, host_.alarms, sidecar.child->pid(),
                                                [&sidecar] { sidecar.child->reap(); });
  sidecar.group->start();
}

void Sidecars::on_exit(Sidecar& sidecar, int status) {
  const pid_t pid = sidecar.child->pid();
  host_.sidecar_guard.forget(pid);
  sidecar.group.reset();
  const bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  sidecar.child.reset();
  sidecar.state = State::waiting;
  if (!ending_ && sidecar.kind != Kind::scheduler) {
    restart(sidecar, status, pid);
  } else if (!well && assigned(sidecar).retire == 0) {
    log::warning("{} (pid {}) {}", sidecar.name, pid, describe_status(status));
  }
  log_note(record_of(sidecar));
  release_record(sidecar);
  if (sidecar.kind == Kind::scheduler) {
    std::erase_if(sidecars_, [&sidecar](const auto& other) { return other.get() == &sidecar; });
  }
  if (ending_ && empty()) emptied_();
}

// A queue worker ends when it has done its share of jobs. A command is there to stay, so its end is a failure anyway.
void Sidecars::restart(Sidecar& sidecar, int status, pid_t pid) {
  const int64_t ran_for = monotonic_now() - sidecar.started;
  const bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (well && sidecar.kind == Kind::queue) {
    log::debug("{} (pid {}) ended; starting it again", sidecar.name, pid);
    launch_later(sidecar, sidecar.policy.on_success(ran_for));
    return;
  }
  const int64_t delay = sidecar.policy.on_failure(ran_for);
  log::warning("{} (pid {}) {}; starting it again in {:.1f} s", sidecar.name, pid, describe_status(status),
               static_cast<double>(delay) / kSecond);
  launch_later(sidecar, delay);
}

void Sidecars::end(Ending ending) {
  ending_ = true;
  for (const auto& sidecar : sidecars_) {
    const bool ends_by_itself = ending == Ending::reload && sidecar->kind == Kind::scheduler;
    if (sidecar->state == State::running && !ends_by_itself) ask_to_end(*sidecar);
  }
  if (ending == Ending::stop) return;
  host_.alarms.at(monotonic_now() + host_.settings.server.shutdown_timeout, [this, alive = alive_] {
    if (*alive) kill_stragglers();
  });
}

// PHP passes it on to what it has started, if it wants to: a job shall be able to finish. A shell does not.
void Sidecars::ask_to_end(const Sidecar& sidecar) const {
  if (assigned(sidecar).retire.exchange(exchange::kRetireNow) != 0) return;
  if (sidecar.kind == Kind::command) {
    ::kill(-sidecar.child->pid(), SIGTERM);
  } else {
    sidecar.child->signal(SIGTERM);
  }
}

void Sidecars::kill_stragglers() {
  for (const auto& sidecar : sidecars_) {
    if (sidecar->state != State::running || assigned(*sidecar).retire == 0) continue;
    log::warning("{} (pid {}) still runs after server.shutdown_timeout; ending it", sidecar->name,
                 sidecar->child->pid());
    kill(*sidecar);
  }
}

void Sidecars::kill() {
  ending_ = killed_ = true;
  for (const auto& sidecar : sidecars_) {
    if (sidecar->state == State::running) kill(*sidecar);
  }
}

// With its process group; it may not have made one yet.
void Sidecars::kill(const Sidecar& sidecar) const {
  assigned(sidecar).retire = exchange::kRetireNow;
  ::kill(-sidecar.child->pid(), SIGKILL);
  sidecar.child->signal(SIGKILL);
}

// ---------------------------------------------------------------- the scheduler

void Sidecars::await_minute() {
  const int64_t wall = wall_now();
  last_minute_ = minute_at(wall);
  host_.alarms.at(monotonic_now() + until_next_minute(wall), [this, alive = alive_] {
    if (*alive && !ending_) run_scheduler();
  });
}

void Sidecars::run_scheduler() {
  const bool new_minute = minute_at(wall_now()) != last_minute_;  // the clock may have been set
  await_minute();
  if (!new_minute) return;
  const auto runs = std::count_if(sidecars_.begin(), sidecars_.end(),
                                  [](const auto& sidecar) { return sidecar->kind == Kind::scheduler; });
  if (runs >= kMostRuns) {
    log::warning("the scheduler is skipped this minute: {} runs of it have not ended", runs);
    return;
  }
  launch(add(Kind::scheduler, "scheduler"));
}

}  // namespace askr::process
