#include "process/spawn.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sched.h>
#include <csignal>

#include "base/process_id.hpp"

namespace askr::process {

pid_t fork_sibling() {
  // fork(3) has no flags. Of what it does beyond the system call only one thing matters to a process without threads:
  // the C library's copy of the thread id, whose address the kernel knows (CONFIG_CHECKPOINT_RESTORE; harmless
  // without).
  int* tid_address = nullptr;
  unsigned long flags = CLONE_PARENT | static_cast<unsigned long>(SIGCHLD);
  if (::prctl(PR_GET_TID_ADDRESS, &tid_address) == 0 && tid_address != nullptr) {
    flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
  }
#if defined(__x86_64__)
  return static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, tid_address, 0));
#else
  return static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, 0, tid_address));
#endif
}

void settle_child(pid_t master, int parent_death_signal) {
  refresh_process_id();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::prctl(PR_SET_PDEATHSIG, parent_death_signal);
  if (::getppid() != master) ::_exit(0);
}

void handle_signal(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

void disregard_signal(int signal) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

UniqueFd open_pidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

void signal_pidfd(int pidfd, int signal) {
  ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
}

}  // namespace askr::process
