// What a process has in memory, from /proc/PID/smaps_rollup. The kernel walks all page tables for it: about a
// millisecond.
#pragma once

#include <cstdint>

namespace askr {

// In bytes; all 0 when the process has gone.
struct ProcessMemory {
  uint64_t resident = 0;
  uint64_t proportional = 0;  // each shared page divided among those that share it
  uint64_t own = 0;           // shared with no other process
};

// Allocates nothing.
ProcessMemory memory_of(int pid);
// ProcessMemory::own of this process.
uint64_t own_private_memory();

}  // namespace askr
