// Making processes. All of them are children of the master, so it alone supervises: gateways and templates are forked
// by it, workers are forked by a template as its siblings.
#pragma once

#include <sys/types.h>

#include "base/fd.hpp"

namespace askr::process {

// fork() whose child has our parent as its parent (CLONE_PARENT). Only in single-threaded processes.
pid_t fork_sibling();

// In a new child: default signal handling and mask, and `parent_death_signal` when the master dies. Ends the process
// at once if the master is dead already.
void settle_child(pid_t master, int parent_death_signal);

void handle_signal(int signal, void (*handler)(int));
// Nothing happens on `signal`, here and in copies of this process. Programs that it starts have the default action
// again, which SIG_IGN would take from them.
void disregard_signal(int signal);

// A descriptor that becomes readable when the process ends.
UniqueFd open_pidfd(pid_t pid);
void signal_pidfd(int pidfd, int signal);

}  // namespace askr::process
