#include "process/orphans.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace askr::process {

bool inherits_orphans() {
  return ::getpid() == 1;
}

Orphans reap_orphans(const exchange::Exchange& exchange, pid_t also_ours) {
  for (;;) {
    siginfo_t ended{};
    if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return Orphans::none_ended;
    const auto records = exchange.records();
    const bool is_ours = std::any_of(records.begin(), records.end(), [&](const exchange::ProcessRecord& record) {
      const exchange::Assignment& assigned = exchange.assigned(record);
      if (assigned.pid.load() == ended.si_pid) return true;
      // The template has not told of it yet. One that the master knows may write there what it likes.
      const bool is_awaited = assigned.role.load() != exchange::Role::none && assigned.pid.load() == 0;
      return is_awaited && record.own_pid.load() == ended.si_pid;
    });
    if (is_ours || ended.si_pid == also_ours) return Orphans::ask_again;
    ::waitpid(ended.si_pid, nullptr, WNOHANG);
  }
}

}  // namespace askr::process
