#include "process/child.hpp"

#include <fmt/core.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "process/spawn.hpp"

namespace askr::process {

Child::Child(EventLoop& loop, pid_t pid, ChildIdentity identity, OnExit on_exit)
    : loop_(loop), pid_(pid), identity_(identity), pidfd_(open_pidfd(pid)), on_exit_(std::move(on_exit)) {
  if (pidfd_) static_cast<void>(loop_.add(pidfd_.get(), EPOLLIN, *this));
}

Child::~Child() {
  if (pidfd_) loop_.remove(pidfd_.get());
}

void Child::signal(int number) const {
  if (pidfd_) signal_pidfd(pidfd_.get(), number);
}

void Child::on_ready(uint32_t /*events*/) {
  if (!before_reaping_) return reap();
  loop_.remove(std::exchange(pidfd_, {}).get());
  std::exchange(before_reaping_, {})();
}

void Child::reap() {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return;
  const OnExit on_exit = std::move(on_exit_);
  on_exit(*this, status);  // usually deletes this
}

bool is_new_child(const exchange::Exchange& exchange, pid_t pid) {
  siginfo_t ended{};
  if (pid <= 0 || ::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT) != 0) return false;
  const auto all = exchange.assignments();
  return std::none_of(all.begin(), all.end(), [pid](const auto& assigned) { return assigned.pid.load() == pid; });
}

std::string describe_status(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("was killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  }
  return fmt::format("exited with code {}", WEXITSTATUS(status));
}

}  // namespace askr::process
