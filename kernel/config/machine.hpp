// What this machine, or the container we are in, gives us: cores and memory with the limits of cgroup v2 and v1.
#pragma once

#include <cstdint>
#include <string>

namespace askr::config {

struct CgroupLimits {
  double cpus = 0;            // 0: no limit
  uint64_t memory_bytes = 0;  // 0: no limit
};

// Reads the limits of this process and of every group above it; the tightest one counts. `proc` and `sysfs` are
// /proc/self/cgroup and /sys/fs/cgroup outside tests. What cannot be read is no limit.
CgroupLimits read_cgroup_limits(const std::string& proc = "/proc/self/cgroup",
                                const std::string& sysfs = "/sys/fs/cgroup");

struct MemoryRoom {
  uint64_t limit = 0;      // bytes; 0: unknown
  uint64_t available = 0;  // of these: free, or file cache that is not in use
};

// Where memory is scarcest: in the group of this process, in one above it, or on the machine (`meminfo`).
MemoryRoom read_memory_room(const std::string& proc = "/proc/self/cgroup", const std::string& sysfs = "/sys/fs/cgroup",
                            const std::string& meminfo = "/proc/meminfo");

// Cores that this process may be scheduled on.
unsigned schedulable_cores();

// At least 1: the cores above, fewer when a cgroup limit says so (1.5 CPUs are 2 cores).
unsigned available_cores();

}  // namespace askr::config
