// The last resort: a process that has lost its master has nobody left who would end it when it does not end by itself.
// PHP has timers and signals of its own, so this is a timer that neither it nor a script can reach, and a SIGKILL.
#pragma once

#include <cstdint>

namespace askr::process {

// In a new process, before it can be orphaned: `patience` (ns) is what it shall have from then on.
void prepare_last_resort(int64_t patience);
// Async-signal-safe: the time runs.
void start_last_resort();

}  // namespace askr::process
