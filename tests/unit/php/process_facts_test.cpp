#include "php/process_facts.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <thread>

#include "base/fd.hpp"

namespace {

using askr::UniqueFd;
using askr::php::ProcessFacts;
using askr::php::read_process_facts;

ProcessFacts facts_now() {
  const UniqueFd stat(::open("/proc/self/stat", O_RDONLY));
  ProcessFacts facts{};
  REQUIRE(read_process_facts(stat.get(), facts));
  return facts;
}

constexpr uint64_t bit(int signal) {
  return uint64_t{1} << (signal - 1);
}

TEST_CASE("facts are what system calls say") {
  const ProcessFacts facts = facts_now();
  CHECK(facts.marks.process_group == ::getpgrp());
  CHECK(facts.marks.session == ::getsid(0));
  CHECK(facts.marks.nice == ::getpriority(PRIO_PROCESS, 0));
  CHECK(facts.threads == 1);
}

TEST_CASE("signals that are ignored or caught show, each in its place") {
  const ProcessFacts before = facts_now();
  ::signal(SIGUSR1, SIG_IGN);
  ::signal(SIGUSR2, [](int) {});
  const ProcessFacts after = facts_now();
  ::signal(SIGUSR1, SIG_DFL);
  ::signal(SIGUSR2, SIG_DFL);
  CHECK(after.marks.ignored == (before.marks.ignored | bit(SIGUSR1)));
  CHECK(after.marks.caught == (before.marks.caught | bit(SIGUSR2)));
  CHECK(facts_now().marks == before.marks);
}

TEST_CASE("faults, mappings and threads are counted") {
  const ProcessFacts before = facts_now();
  constexpr size_t kSize = 64 * 4096;
  void* memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  ::madvise(memory, kSize, MADV_NOHUGEPAGE);
  for (size_t at = 0; at < kSize; at += 4096) static_cast<volatile char*>(memory)[at] = 1;
  const ProcessFacts after = facts_now();
  CHECK(after.faults >= before.faults + kSize / 4096);
  CHECK(after.space == before.space + kSize);
  ::munmap(memory, kSize);
  std::thread([] { CHECK(facts_now().threads == 2); }).join();
}

TEST_CASE("the name of the program may look like anything") {
  char name[16] = {};
  ::prctl(PR_GET_NAME, name);
  ::prctl(PR_SET_NAME, "a) R 1 (2) 3");
  const ProcessFacts facts = facts_now();
  ::prctl(PR_SET_NAME, name);
  CHECK(facts.marks.process_group == ::getpgrp());
}

TEST_CASE("what is no such line is refused") {
  const UniqueFd other(::open("/proc/self/maps", O_RDONLY));
  ProcessFacts facts{};
  CHECK_FALSE(read_process_facts(other.get(), facts));
  CHECK_FALSE(read_process_facts(-1, facts));
}

}  // namespace
