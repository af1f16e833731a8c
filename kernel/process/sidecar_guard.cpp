#include "process/sidecar_guard.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/log.hpp"
#include "process/process_group.hpp"
#include "process/spawn.hpp"
#include "process/title.hpp"

namespace askr::process {
namespace {

using Asks = SidecarGuard::Asks;
using Groups = std::map<pid_t, Asks>;

// One write() of so few bytes is never torn.
struct Note {
  enum Kind : uint32_t { watch, forget } kind;
  pid_t group;
  Asks asks;
};

constexpr int64_t kLookAgain = kSecond / 20;

// ---------------------------------------------------------------- in the process itself

bool is_alive(pid_t leader, const std::vector<pid_t>& members) {
  return std::find(members.begin(), members.end(), leader) != members.end();
}

// Nobody else works any more, so it may as well look from time to time.
void end_all(Groups groups, int64_t patience) {
  const int64_t deadline = monotonic_now() + patience;
  while (!groups.empty()) {
    const bool is_over = monotonic_now() >= deadline;
    for (auto group = groups.begin(); group != groups.end();) {
      const std::vector<pid_t> members = members_of_group(group->first);
      if (is_over) ::kill(-group->first, SIGKILL);
      const bool asks_now = group->second == Asks::group || !is_alive(group->first, members);
      if (asks_now) ::kill(-group->first, SIGTERM);
      group = members.empty() || is_over ? groups.erase(group) : std::next(group);
    }
    const timespec pause{0, kLookAgain};
    if (!groups.empty()) ::nanosleep(&pause, nullptr);
  }
}

[[noreturn]] void run(int pipe, int64_t patience) {
  Groups groups;
  Note note{};
  for (;;) {
    const ssize_t got = ::read(pipe, &note, sizeof note);
    if (got < 0 && errno == EINTR) continue;
    if (got != sizeof note) break;
    if (note.kind == Note::watch) groups[note.group] = note.asks;
    if (note.kind == Note::forget) groups.erase(note.group);
  }
  end_all(std::move(groups), patience);
  ::_exit(0);
}

// Signals to all processes of a terminal or a service are not for it: it has yet to do its work when all others end.
void settle(int pipe, const Account* account) {
  become(account);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE}) disregard_signal(signal);
  ::close_range(STDERR_FILENO + 1, static_cast<unsigned>(pipe - 1), 0);
  ::close_range(static_cast<unsigned>(pipe + 1), ~0U, 0);
  set_title("askr: sidecar guard");
}

void tell(const UniqueFd& pipe, const Note& note) {
  // It cannot be full: the reader does nothing else. And when it has died, another one will be told.
  if (pipe) static_cast<void>(::write(pipe.get(), &note, sizeof note));
}

}  // namespace

// ---------------------------------------------------------------- in the master

SidecarGuard::SidecarGuard(EventLoop& loop, Alarms& alarms, const Account* account, int64_t patience)
    : loop_(loop), alarms_(alarms), account_(account), patience_(patience) {}

SidecarGuard::~SidecarGuard() {
  *alive_ = false;
}

void SidecarGuard::watch(pid_t group, Asks asks) {
  groups_[group] = asks;
  if (child_) {
    tell(pipe_, {Note::watch, group, asks});
  } else {
    start();
  }
}

void SidecarGuard::forget(pid_t group) {
  groups_.erase(group);
  tell(pipe_, {Note::forget, group, Asks::leader});
}

void SidecarGuard::start() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return start_later();
  UniqueFd theirs(ends[0]);
  pipe_.reset(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return start_later();
  if (pid == 0) {
    settle(theirs.get(), account_);
    run(theirs.get(), patience_);
  }
  child_ = std::make_unique<Child>(loop_, pid, ChildIdentity{}, [this](Child& /*child*/, int status) {
    log::warning("the guard of the sidecars {}; starting it again", describe_status(status));
    start_later();
  });
  for (const auto& [group, asks] : groups_) tell(pipe_, {Note::watch, group, asks});
}

void SidecarGuard::start_later() {
  child_.reset();
  pipe_.reset();
  alarms_.at(monotonic_now() + kSecond, [this, alive = alive_] {
    if (*alive && !child_ && !groups_.empty()) start();
  });
}

}  // namespace askr::process
