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

TEST_CASE("there is at least one core") {
  CHECK(available_cores() >= 1);
  CHECK(available_cores() <= schedulable_cores());
}

}  // namespace
