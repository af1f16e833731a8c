#include "arena/owner_lock.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <new>
#include <random>
#include <vector>

#include "arena/futex.hpp"
#include "arena/owner_watch.hpp"
#include "base/clock.hpp"
#include "base/process_id.hpp"

namespace {

using askr::arena::Acquired;
using askr::arena::Owner;
using askr::arena::OwnerLock;
using askr::arena::OwnerWatch;

struct Shared {
  OwnerLock lock;
  std::atomic<uint32_t> child_holds{0}, let_go{0}, done{0};
  uint64_t counter = 0;
};

// Shared with forked children, unmapped at the end of the test.
struct SharedPage {
  SharedPage()
      : shared(new(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared) {
  }
  ~SharedPage() { ::munmap(shared, sizeof(Shared)); }
  [[nodiscard]] std::atomic<uint32_t>& word() const { return reinterpret_cast<std::atomic<uint32_t>&>(shared->lock); }
  Shared* shared;
};

// A process that does `work`, and is killed at the end of the test.
class Child {
 public:
  template <class Work>
  explicit Child(Work&& work) : pid_(::fork()) {
    if (pid_ != 0) return;
    work();
    ::_exit(0);
  }
  ~Child() { finish(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] uint32_t word() const { return static_cast<uint32_t>(pid_); }
  void signal(int number) const { ::kill(pid_, number); }
  void finish() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_;
};

void sleep_for_ever() {
  for (;;) ::pause();
}

void spin_for_ever() {
  for (;;) askr::arena::spin_pause();
}

void wait_for(const std::atomic<uint32_t>& flag) {
  while (flag == 0) ::usleep(100);
}

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
  REQUIRE(page.shared->lock.lock() == Acquired::from_dead_owner);
  page.shared->lock.unlock();
  REQUIRE(page.shared->lock.lock() == Acquired::clean);
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
    int status = 0;
    for (int round = 0; round < kRounds; ++round) {
      if (page.shared->lock.lock() != Acquired::clean) status = 1;
      ++page.shared->counter;
      page.shared->lock.unlock();
    }
    ::_exit(status);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
  }
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

// ---------------------------------------------------------------- owners that live and do not let go

TEST_CASE("a word that names a process which does not hold the lock stops nobody") {
  SharedPage page;
  SECTION("one that sleeps") {
    const Child child(sleep_for_ever);
    page.word() = child.word();
    CHECK(page.shared->lock.lock() == Acquired::from_dead_owner);
  }
  SECTION("one that is at work on something else") {
    const Child child(spin_for_ever);
    page.word() = child.word();
    CHECK(page.shared->lock.lock() == Acquired::from_dead_owner);
  }
  SECTION("the first process of the machine") {
    page.word() = 1;
    CHECK(page.shared->lock.lock() == Acquired::from_dead_owner);
  }
  SECTION("whoever waits") {
    page.word() = static_cast<uint32_t>(::getpid());
    CHECK(page.shared->lock.lock() == Acquired::from_dead_owner);
  }
  page.shared->lock.unlock();
  CHECK(page.shared->lock.lock() == Acquired::clean);
  page.shared->lock.unlock();
}

TEST_CASE("whatever the word is, the lock can be had") {
  SharedPage page;
  std::mt19937 random(1);
  std::vector<uint32_t> words{0, 1, 2, UINT32_MAX, 1U << 31, 1U << 30, 3U << 30, (1U << 22) - 1, 1U << 22};
  for (int i = 0; i < 100; ++i) words.push_back(random());
  for (const uint32_t word : words) {
    CAPTURE(word);
    page.word() = word;
    page.shared->lock.lock();
    page.shared->lock.unlock();
    REQUIRE(page.shared->lock.lock() == Acquired::clean);
    page.shared->lock.unlock();
  }
}

TEST_CASE("an owner that is stopped loses the lock, and when it goes on the next one is told to check again") {
  SharedPage page;
  Shared& shared = *page.shared;
  const Child child([&] {
    shared.lock.lock();
    shared.child_holds = 1;
    while (shared.let_go == 0) {
    }
    shared.lock.unlock();
    shared.done = 1;
    sleep_for_ever();
  });
  wait_for(shared.child_holds);
  child.signal(SIGSTOP);
  REQUIRE(shared.lock.lock() == Acquired::from_dead_owner);
  shared.let_go = 1;
  child.signal(SIGCONT);
  wait_for(shared.done);
  CHECK(shared.lock.renew());  // it is still ours
  shared.lock.unlock();
  CHECK(shared.lock.lock() == Acquired::from_dead_owner);
  shared.lock.unlock();
  CHECK(shared.lock.lock() == Acquired::clean);
  shared.lock.unlock();
}

TEST_CASE("an owner that says that it is still at work keeps the lock") {
  SharedPage page;
  Shared& shared = *page.shared;
  const Child child([&] {
    shared.lock.lock();
    shared.child_holds = 1;
    // Four times as much processor time as one may use without a word.
    timespec used{};
    do {
      if (!shared.lock.renew()) ::_exit(1);
      ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while (used.tv_sec * askr::kSecond + used.tv_nsec < 4 * OwnerWatch::kLongestRun);
    shared.lock.unlock();
    sleep_for_ever();
  });
  wait_for(shared.child_holds);
  CHECK(shared.lock.lock() == Acquired::clean);
  shared.lock.unlock();
  CHECK_FALSE(shared.lock.renew());  // it is nobody's
}

TEST_CASE("an owner that only does not get a processor keeps the lock") {
  SharedPage page;
  Shared& shared = *page.shared;
  const auto run_on_first_processor = [](int policy) {
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    ::sched_setaffinity(0, sizeof first, &first);
    const sched_param none{};
    ::sched_setscheduler(0, policy, &none);
  };
  const Child child([&] {
    shared.lock.lock();
    run_on_first_processor(SCHED_IDLE);
    shared.child_holds = 1;
    spin_for_ever();
  });
  wait_for(shared.child_holds);
  const Child other([&] {
    run_on_first_processor(SCHED_OTHER);
    spin_for_ever();
  });
  CHECK(shared.lock.lock_within(50 * OwnerWatch::kPause) == Acquired::busy);
}

TEST_CASE("who must not wait gives up, and gets the lock from an owner that is stuck after some tries") {
  SharedPage page;
  const Child child(sleep_for_ever);
  page.word() = child.word();
  const int64_t begin = askr::monotonic_now();
  CHECK(page.shared->lock.lock_within(OwnerWatch::kPause) == Acquired::busy);
  Acquired how = Acquired::busy;
  unsigned tries = 0;
  while (how == Acquired::busy && ++tries < 10'000) how = page.shared->lock.lock_within(OwnerWatch::kPause / 10);
  CHECK(how == Acquired::from_dead_owner);
  CHECK(tries > OwnerWatch::kIdleLooks);
  CHECK(askr::monotonic_now() - begin >= (OwnerWatch::kIdleLooks - 1) * OwnerWatch::kPause);
}

// ---------------------------------------------------------------- the watch

TEST_CASE("a sleeping owner is stuck at the last look and not before, and hasty looks do not count") {
  const Child child(sleep_for_ever);
  ::usleep(50'000);  // by now it sleeps
  const int lock = 0;
  OwnerWatch watch;
  for (unsigned look = 1; look < OwnerWatch::kIdleLooks; ++look) {
    REQUIRE(watch.look(&lock, 7, child.pid()) == Owner::at_work);
    REQUIRE(watch.look(&lock, 7, child.pid()) == Owner::at_work);
    ::usleep(OwnerWatch::kPause / 1000 + 1);
  }
  CHECK(watch.look(&lock, 7, child.pid()) == Owner::stuck);
  CHECK(watch.look(&lock, 7, child.pid()) == Owner::at_work);  // it begins anew
}

TEST_CASE("another acquisition, or another lock, is another matter") {
  const Child child(sleep_for_ever);
  ::usleep(50'000);
  const int lock = 0;
  const int other = 0;
  OwnerWatch watch;
  for (unsigned look = 0; look < 3 * OwnerWatch::kIdleLooks; ++look) {
    const bool odd = look % 2 == 1;
    REQUIRE(watch.look(odd ? &lock : &other, 7, child.pid()) == Owner::at_work);
    ::usleep(OwnerWatch::kPause / 1000 + 1);
    REQUIRE(watch.look(odd ? &lock : &other, odd ? 8 : 9, child.pid()) == Owner::at_work);
  }
}

TEST_CASE("nobody holds a lock for ever, not even one that runs now and then") {
  // Awake at each look, and always on the point of doing something.
  const Child child([] {
    for (;;) {
      askr::arena::process_is_alive(1);
      ::sched_yield();
    }
  });
  const int lock = 0;
  OwnerWatch watch;
  unsigned looks = 1;
  while (watch.look(&lock, 7, child.pid()) == Owner::at_work && looks <= OwnerWatch::kMostLooks) {
    ++looks;
    ::usleep(OwnerWatch::kPause / 1000 + 1);
  }
  CHECK(looks <= OwnerWatch::kMostLooks);
}
