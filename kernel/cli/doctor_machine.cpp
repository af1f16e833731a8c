#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "base/file_access.hpp"
#include "cli/doctor.hpp"
#include "config/account.hpp"
#include "config/machine.hpp"
#include "config/values.hpp"
#include "process/serve.hpp"

namespace askr::cli {
namespace {

constexpr long kTmpfsMagic = 0x01021994;

Finding examine_kernel() {
  utsname names{};
  ::uname(&names);
  unsigned major = 0, minor = 0;
  std::sscanf(names.release, "%u.%u", &major, &minor);
  const std::string text = fmt::format("Linux {}", names.release);
  const bool has_pidfd = major > 5 || (major == 5 && minor >= 3);
  if (has_pidfd) return {Grade::ok, text};
  return {Grade::fail, text + " is too old to watch processes (pidfd)", "use Linux 5.3 or newer"};
}

Finding examine_cores(const config::Settings& settings) {
  const double limit = config::read_cgroup_limits().cpus;
  const unsigned cores = config::schedulable_cores();
  const std::string of = limit > 0 ? fmt::format("{} cores, limited to {:.2g} by the cgroup", cores, limit)
                                   : fmt::format("{} cores", cores);
  const std::string text =
      fmt::format("{}; {} workers, {} gateways", of, settings.server.workers, settings.server.gateways);
  if (settings.server.gateways <= 4 * cores) return {Grade::ok, text};
  return {Grade::warn, text, "more gateways than cores only cost memory: set gateways to auto"};
}

uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  for (uint64_t kilobytes = 0; file >> key >> kilobytes >> unit;) {
    if (key == "MemAvailable:") return kilobytes << 10;
    std::getline(file, unit);
  }
  return 0;
}

std::string megabytes(uint64_t bytes) {
  return fmt::format("{} MB", bytes >> 20);
}

Finding examine_memory(const config::Settings& settings) {
  constexpr uint64_t kWorkerNeeds = 48ULL << 20;  // a booted framework, most of it shared
  const uint64_t limit = config::read_cgroup_limits().memory_bytes;
  const uint64_t available = available_memory();
  const uint64_t usable = limit > 0 ? std::min(limit, available) : available;
  const std::string text =
      fmt::format("{} of memory available{}", megabytes(usable), limit > 0 ? ", cgroup limit " + megabytes(limit) : "");
  if (usable == 0 || usable >= settings.server.workers * kWorkerNeeds) return {Grade::ok, text};
  return {Grade::warn, fmt::format("{}, little for {} workers", text, settings.server.workers), "set fewer workers"};
}

// What the server itself does at its start: reserve without touching.
Finding examine_shared_memory() {
  constexpr size_t kProbe = 1ULL << 30;
  void* mapped = ::mmap(nullptr, kProbe, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    return {Grade::fail, system_error("shared memory cannot be mapped").message,
            "raise ulimit -v, or set vm.overcommit_memory to 0 or 1"};
  }
  ::munmap(mapped, kProbe);
  return {Grade::ok, "shared memory can be mapped"};
}

Finding examine_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::string text = limit.rlim_max == RLIM_INFINITY ? "any number of file descriptors"
                                                           : fmt::format("{} file descriptors", limit.rlim_max);
  const std::string advice = "raise the hard limit (ulimit -Hn, LimitNOFILE= in systemd)";
  if (limit.rlim_max < 128) return {Grade::fail, text + ", too few to start", advice};
  if (limit.rlim_max < 4096) return {Grade::warn, text + ", each client needs one", advice};
  return {Grade::ok, text};
}

bool may_write(const std::string& folder, const Account* account) {
  const ActingAs acting(account);
  return may_access(folder, W_OK | X_OK);
}

void examine_spool(const config::Settings& settings, const Account* account, Findings& findings) {
  const std::string& folder = settings.server.spool_dir;
  struct statvfs space {};
  if (::statvfs(folder.c_str(), &space) != 0 || !may_write(folder, account)) {
    findings.push_back({Grade::fail, system_error("spool folder " + folder).message, "set server.spool_dir"});
    return;
  }
  if (auto usable = process::check_spool(folder, account); !usable) {
    findings.push_back({Grade::fail, usable.error().message, "make room there"});
    return;
  }
  const uint64_t free = static_cast<uint64_t>(space.f_bavail) * space.f_frsize;
  const uint64_t wanted = std::max<uint64_t>(256ULL << 20, 4 * settings.server.max_body_size);
  const std::string text = fmt::format("spool folder {} is writable, {} free", folder, megabytes(free));
  const bool enough = free >= wanted;
  findings.push_back(
      {enough ? Grade::ok : Grade::warn, text, enough ? "" : "large uploads will fill it: set spool_dir"});
  struct statfs kind {};
  if (::statfs(folder.c_str(), &kind) == 0 && kind.f_type == kTmpfsMagic) {
    findings.push_back({Grade::warn, folder + " is a tmpfs: large bodies take memory", "set spool_dir to a disk"});
  }
}

void examine_user(const config::Settings& settings, Findings& findings) {
  const std::string& user = settings.server.user;
  if (config::runs_php_as_root(settings)) {
    findings.push_back({Grade::warn,
                        "a server of this user runs PHP as root: a hole in a script opens the whole machine",
                        "use User= in the unit, or server.user (--user)"});
  } else if (!user.empty() && ::geteuid() != 0) {
    findings.push_back({Grade::warn, fmt::format("only root can start a server that runs as {}", user),
                        fmt::format("run doctor as root, and it looks with the eyes of {}", user)});
  } else if (!user.empty()) {
    findings.push_back({Grade::ok, fmt::format("all but the master run as {}", user)});
  }
}

}  // namespace

Findings examine_machine(const config::Settings& settings, const Account* account) {
  Findings findings{examine_kernel(), examine_cores(settings), examine_memory(settings), examine_shared_memory(),
                    examine_descriptors()};
  examine_spool(settings, account, findings);
  examine_user(settings, findings);
  return findings;
}

}  // namespace askr::cli
