#include "testing/strays.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>

#include <fmt/core.h>

namespace askr::testing {

std::vector<pid_t> own_children() {
  std::vector<pid_t> children;
  std::ifstream file(fmt::format("/proc/self/task/{}/children", ::getpid()));
  pid_t child = 0;
  while (file >> child) children.push_back(child);
  return children;
}

bool is_running(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string stat;
  std::getline(file, stat);
  const size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && name_end + 2 < stat.size() && stat[name_end + 2] != 'Z';
}

// In the environment that a program was started with.
bool has_variable(pid_t pid, const std::string& variable) {
  std::ifstream file(fmt::format("/proc/{}/environ", pid), std::ios::binary);
  std::string each;
  while (std::getline(file, each, '\0')) {
    if (each == variable) return true;
  }
  return false;
}

void end_process(pid_t pid) {
  if (pid <= 0) return;
  ::kill(-pid, SIGKILL);
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// What has left its group is a child of ours once its parents have died.
void end_strays(pid_t spared) {
  for (int round = 0; round < 20; ++round) {
    bool any = false;
    for (const pid_t child : own_children()) {
      if (child == spared) continue;
      any = true;
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    if (!any) return;
  }
}

}  // namespace askr::testing
