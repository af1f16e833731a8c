// Each sidecar leads a process group: signals from a terminal are the master's business, and one that has to be killed
// takes what it has started with it.
#include "process/sidecar_process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "base/log.hpp"
#include "process/last_resort.hpp"
#include "process/spawn.hpp"
#include "process/title.hpp"

namespace askr::process {
namespace {

constexpr int kNotStarted = 127;  // as the shell's

// ---------------------------------------------------------------- PHP

exchange::ProcessRecord* own_record = nullptr;

// The master has died, so nobody asks this process to end, and nobody kills it when it does not.
void on_orphaned(int /*signal*/) {
  own_record->orphaned.store(exchange::kRetireNow);
  start_last_resort();
  ::raise(SIGTERM);
}

// Our own standard output is the server's banner or access log, and no place for others.
void redirect_output(int output) {
  if (output < 0) return;
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
}

// ---------------------------------------------------------------- commands

[[noreturn]] void fail(const char* what, const std::string& name) {
  log::error("cannot {} {}: {}", what, name, std::strerror(errno));
  ::_exit(kNotStarted);
}

std::vector<std::string> words_of(const config::SidecarSettings& command) {
  if (command.shell.empty()) return command.words;
  return {"/bin/sh", "-c", command.shell};
}

[[noreturn]] void execute(const config::SidecarSettings& command) {
  if (::chdir(command.folder.c_str()) != 0) fail("enter", command.folder);
  std::vector<std::string> words = words_of(command);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  fail("run", words[0]);
}

}  // namespace

php::Forked become_sidecar(const TemplateOptions& options, const ForkRequest& request, int output) {
  own_record = &options.exchange.sidecars()[request.position];
  const exchange::Assignment& assigned = options.exchange.assigned(*own_record);
  own_record->own_pid.store(::getpid());
  ::setpgid(0, 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) ::signal(signal, SIG_DFL);
  prepare_last_resort(options.sidecars.shutdown_timeout);
  handle_signal(SIGRTMIN + 1, on_orphaned);
  settle_child(options.master, SIGRTMIN + 1);
  options.exchange.enter(exchange::Role::sidecar, request.position);
  log::leave_standard_error();
  redirect_output(output);
  set_title(std::string("askr: ") + assigned.name);
  log::set_speaker(assigned.name);
  // For plugins it is a worker that never gets a request.
  start_plugins(options, options.exchange.worker_records() + request.position);
  const bool queue = request.as == ForkAs::queue;
  return {.sidecar = own_record,
          .assigned = &assigned,
          .script = queue ? options.sidecars.queue_script : options.sidecars.scheduler_script};
}

pid_t start_command(const config::SidecarSettings& command, const Account* account, int output) {
  const pid_t master = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) {
    if (pid > 0) ::setpgid(pid, pid);  // here and there: who comes first does it
    return pid;
  }
  ::setpgid(0, 0);
  become(account);
  settle_child(master, SIGTERM);
  log::settle_child();
  // Ignored by us, or by who has started the server.
  for (const int signal : {SIGPIPE, SIGINT, SIGHUP, SIGQUIT}) ::signal(signal, SIG_DFL);
  log::set_speaker("sidecar " + command.name);
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
  log::leave_standard_error();
  redirect_output(output);
  execute(command);
}

}  // namespace askr::process
