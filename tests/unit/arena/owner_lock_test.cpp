#include "arena/owner_lock.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <new>

namespace {

struct Shared {
  askr::arena::OwnerLock lock;
  std::atomic<uint32_t> child_holds{0};
  uint64_t counter = 0;
};

// Shared with forked children, unmapped at the end of the test.
struct SharedPage {
  SharedPage()
      : shared(new(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared) {
  }
  ~SharedPage() { ::munmap(shared, sizeof(Shared)); }
  Shared* shared;
};

}  // namespace

TEST_CASE("a lock whose owner was killed is taken over and the taker is told") {
  SharedPage page;
  const pid_t child = ::fork();
  if (child == 0) {
    page.shared->lock.lock();
    page.shared->child_holds = 1;
    for (;;) ::pause();
  }
  while (page.shared->child_holds == 0) ::usleep(100);
  ::kill(child, SIGKILL);  // stays a zombie: nobody has waited for it
  REQUIRE(page.shared->lock.lock() == askr::arena::Acquired::from_dead_owner);
  page.shared->lock.unlock();
  REQUIRE(page.shared->lock.lock() == askr::arena::Acquired::clean);
  page.shared->lock.unlock();
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("a lock keeps several processes apart") {
  SharedPage page;
  constexpr int kProcesses = 4;
  constexpr int kRounds = 50'000;
  pid_t children[kProcesses];
  for (pid_t& child : children) {
    child = ::fork();
    if (child != 0) continue;
    for (int round = 0; round < kRounds; ++round) {
      page.shared->lock.lock();
      ++page.shared->counter;
      page.shared->lock.unlock();
    }
    ::_exit(0);
  }
  for (const pid_t child : children) ::waitpid(child, nullptr, 0);
  REQUIRE(page.shared->counter == uint64_t{kProcesses} * kRounds);
}

TEST_CASE("a zombie does not count as alive") {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  CHECK_FALSE(askr::arena::process_is_alive(child));
  CHECK(askr::arena::process_is_alive(::getpid()));
  ::waitpid(child, nullptr, 0);
}
