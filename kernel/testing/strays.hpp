// Processes that tests have started and left behind. This process is a subreaper: whoever has lost its parent is a
// child of it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace askr::testing {

std::vector<pid_t> own_children();
// It is there, and no zombie.
bool is_running(pid_t pid);
// `variable`, "NAME=value", is in the environment that the program was started with.
bool has_variable(pid_t pid, const std::string& variable);

// Kills a child with its group, and waits for it. Nothing where `pid` is none.
void end_process(pid_t pid);
// All children but `spared`, and theirs.
void end_strays(pid_t spared);

}  // namespace askr::testing
