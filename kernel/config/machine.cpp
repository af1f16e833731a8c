#include "config/machine.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

namespace askr::config {
namespace {

// The first words of a small file of the kernel.
bool read_words(const std::string& path, std::string& first, std::string& second) {
  std::ifstream file(path);
  first.clear();
  second.clear();
  file >> first >> second;
  return !first.empty();
}

double to_number(const std::string& text) {
  double number = 0;
  std::istringstream(text) >> number;  // "max" and "-1" are no limit: not above zero
  return number;
}

void tighten(double limit, CgroupLimits& limits) {
  if (limit > 0 && (limits.cpus == 0 || limit < limits.cpus)) limits.cpus = limit;
}

void tighten_memory(double limit, CgroupLimits& limits) {
  constexpr double kUnlimited = 1e18;  // cgroup v1 writes a number near 2^63
  if (limit <= 0 || limit >= kUnlimited) return;
  const auto bytes = static_cast<uint64_t>(limit);
  if (limits.memory_bytes == 0 || bytes < limits.memory_bytes) limits.memory_bytes = bytes;
}

void read_group(const std::string& folder, CgroupLimits& limits) {
  std::string first, second;
  if (read_words(folder + "/cpu.max", first, second)) {
    const double period = to_number(second);
    if (period > 0) tighten(to_number(first) / period, limits);
  }
  if (read_words(folder + "/cpu.cfs_quota_us", first, second)) {
    const double quota = to_number(first);
    if (read_words(folder + "/cpu.cfs_period_us", first, second) && to_number(first) > 0) {
      tighten(quota / to_number(first), limits);
    }
  }
  if (read_words(folder + "/memory.max", first, second)) tighten_memory(to_number(first), limits);
  if (read_words(folder + "/memory.limit_in_bytes", first, second)) tighten_memory(to_number(first), limits);
}

// From the group up to the root of its hierarchy. In a container the path may name a folder outside of what is
// mounted; then the root is the container's own group.
template <class Visitor>
void visit_hierarchy(const std::string& mount, std::string path, Visitor& visit) {
  while (!path.empty() && path != "/") {
    visit(mount + path);
    path.resize(path.rfind('/'));
  }
  visit(mount);
}

// Calls visit(folder) for each group that limits this process.
template <class Visitor>
void visit_groups(const std::string& proc, const std::string& sysfs, Visitor&& visit) {
  std::ifstream file(proc);
  // "0::/path" for v2, "4:memory:/path" or "1:cpu,cpuacct:/path" for v1.
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (path.empty() || path[0] != '/') continue;
    if (controllers.empty()) visit_hierarchy(sysfs, path, visit);
    const std::string listed = "," + controllers + ",";
    const bool useful = listed.find(",cpu,") != std::string::npos || listed.find(",memory,") != std::string::npos;
    if (useful) visit_hierarchy(sysfs + "/" + controllers, path, visit);
  }
}

// The number behind `key` in a file of "key value" lines, which may have a colon and a unit.
uint64_t number_of(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t value = 0;
    if (words >> name >> value && name == key) return value;
  }
  return 0;
}

void tighten_room(uint64_t limit, uint64_t available, MemoryRoom& room) {
  if (limit == 0 || (room.limit != 0 && room.available <= available)) return;
  room = {limit, available};
}

// `cache` is the name of the reclaimable part in the group's memory.stat.
void read_room(const std::string& folder, const char* limit, const char* used, const char* cache, MemoryRoom& room) {
  std::string first, second;
  CgroupLimits limits;
  if (!read_words(folder + limit, first, second)) return;
  tighten_memory(to_number(first), limits);
  if (!read_words(folder + used, first, second)) return;
  const auto all = static_cast<uint64_t>(std::max(to_number(first), 0.0));
  const uint64_t needed = all - std::min(all, number_of(folder + "/memory.stat", cache));
  tighten_room(limits.memory_bytes, limits.memory_bytes - std::min(limits.memory_bytes, needed), room);
}

}  // namespace

CgroupLimits read_cgroup_limits(const std::string& proc, const std::string& sysfs) {
  CgroupLimits limits;
  visit_groups(proc, sysfs, [&limits](const std::string& folder) { read_group(folder, limits); });
  return limits;
}

MemoryRoom read_memory_room(const std::string& proc, const std::string& sysfs, const std::string& meminfo) {
  MemoryRoom room;
  tighten_room(number_of(meminfo, "MemTotal:") << 10, number_of(meminfo, "MemAvailable:") << 10, room);
  visit_groups(proc, sysfs, [&room](const std::string& folder) {
    read_room(folder, "/memory.max", "/memory.current", "inactive_file", room);
    read_room(folder, "/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_inactive_file", room);
  });
  return room;
}

unsigned schedulable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(CPU_COUNT(&set), 1));
}

unsigned available_cores() {
  const double limit = read_cgroup_limits().cpus;
  const unsigned cores = schedulable_cores();
  if (limit <= 0) return cores;
  return std::clamp(static_cast<unsigned>(std::ceil(limit)), 1U, cores);
}

}  // namespace askr::config
