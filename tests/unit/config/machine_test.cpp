#include "config/machine.hpp"

#include <catch2/catch.hpp>

#include "temporary_folder.hpp"

namespace {

using namespace askr::config;
using askr::test::TemporaryFolder;

TEST_CASE("cgroup v2: the tightest limit on the way to the root counts") {
  TemporaryFolder folder;
  folder.write("self", "0::/shop/web\n");
  folder.write("sys/shop/web/cpu.max", "max 100000\n");
  folder.write("sys/shop/cpu.max", "150000 100000\n");
  folder.write("sys/shop/web/memory.max", "max\n");
  folder.write("sys/shop/memory.max", "536870912\n");
  const CgroupLimits limits = read_cgroup_limits(folder.path() + "/self", folder.path() + "/sys");
  CHECK(limits.cpus == Approx(1.5));
  CHECK(limits.memory_bytes == 512ULL << 20);
}

TEST_CASE("cgroup v1: quota over period, and a memory limit that is none") {
  TemporaryFolder folder;
  folder.write("self", "4:memory:/box\n2:cpu,cpuacct:/box\n1:name=systemd:/\n");
  folder.write("sys/cpu,cpuacct/box/cpu.cfs_quota_us", "200000\n");
  folder.write("sys/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  folder.write("sys/memory/box/memory.limit_in_bytes", "9223372036854771712\n");
  const CgroupLimits limits = read_cgroup_limits(folder.path() + "/self", folder.path() + "/sys");
  CHECK(limits.cpus == Approx(2.0));
  CHECK(limits.memory_bytes == 0);
}

TEST_CASE("a container sees its own group as the root of the mount") {
  TemporaryFolder folder;
  folder.write("self", "2:cpu:/docker/0123\n");
  folder.write("sys/cpu/cpu.cfs_quota_us", "50000\n");
  folder.write("sys/cpu/cpu.cfs_period_us", "100000\n");
  CHECK(read_cgroup_limits(folder.path() + "/self", folder.path() + "/sys").cpus == Approx(0.5));
}

TEST_CASE("without cgroups, and with nonsense in them, there is no limit") {
  TemporaryFolder folder;
  CHECK(read_cgroup_limits(folder.path() + "/none", folder.path()).cpus == 0);
  folder.write("self", "0::/\nnonsense\n::\n");
  folder.write("sys/cpu.max", "-5 0\n");
  CHECK(read_cgroup_limits(folder.path() + "/self", folder.path() + "/sys").cpus == 0);
}

MemoryRoom room_in(const TemporaryFolder& folder) {
  return read_memory_room(folder.path() + "/self", folder.path() + "/sys", folder.path() + "/meminfo");
}

constexpr const char* kMachine = "MemTotal:  8388608 kB\nMemFree: 1 kB\nMemAvailable:  4194304 kB\n";

TEST_CASE("cgroup v2: file cache that is not in use is free, and the scarcest group counts") {
  TemporaryFolder folder;
  folder.write("self", "0::/shop/web\n");
  folder.write("meminfo", kMachine);
  folder.write("sys/shop/web/memory.max", "1000000000\n");
  folder.write("sys/shop/web/memory.current", "700000000\n");
  folder.write("sys/shop/web/memory.stat", "anon 300000000\nfile 400000000\ninactive_file 200000000\n");
  folder.write("sys/shop/memory.max", "max\n");
  folder.write("sys/shop/memory.current", "900000000\n");
  CHECK(room_in(folder).limit == 1'000'000'000);
  CHECK(room_in(folder).available == 500'000'000);
  folder.write("sys/shop/memory.max", "1200000000\n");
  CHECK(room_in(folder).limit == 1'200'000'000);
  CHECK(room_in(folder).available == 300'000'000);
}

TEST_CASE("cgroup v1: usage and total_inactive_file; a group over its limit has nothing left") {
  TemporaryFolder folder;
  folder.write("self", "4:memory:/box\n");
  folder.write("meminfo", kMachine);
  folder.write("sys/memory/box/memory.limit_in_bytes", "1000000000\n");
  folder.write("sys/memory/box/memory.usage_in_bytes", "900000000\n");
  folder.write("sys/memory/box/memory.stat", "inactive_file 1\ntotal_inactive_file 300000000\n");
  CHECK(room_in(folder).available == 400'000'000);
  folder.write("sys/memory/box/memory.usage_in_bytes", "1900000000\n");
  CHECK(room_in(folder).available == 0);
}

TEST_CASE("without a limit of a group the machine's memory counts, also where it is scarcer") {
  TemporaryFolder folder;
  folder.write("self", "0::/shop\n");
  folder.write("meminfo", kMachine);
  CHECK(room_in(folder).limit == 8ULL << 30);
  CHECK(room_in(folder).available == 4ULL << 30);
  folder.write("sys/shop/memory.max", "6442450944\n");
  folder.write("sys/shop/memory.current", "1073741824\n");
  CHECK(room_in(folder).limit == 8ULL << 30);
  folder.write("meminfo", "");
  folder.write("self", "");
  CHECK(room_in(folder).limit == 0);
}

TEST_CASE("there is at least one core") {
  CHECK(available_cores() >= 1);
  CHECK(available_cores() <= schedulable_cores());
}

}  // namespace
