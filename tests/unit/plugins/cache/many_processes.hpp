// What both stores are tortured with: the server's locks, values that show when they are torn, and processes that are
// killed at random.
#pragma once

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <string>
#include <string_view>

#include "arena/owner_lock.hpp"
#include "askr/abi/shm.h"
#include "base/process_id.hpp"
#include "hash.hpp"

inline askr::arena::OwnerLock& as_lock(askr_lock* lock) {
  return *reinterpret_cast<askr::arena::OwnerLock*>(lock);
}

// The locks of the server.
inline const askr_shm kShm = {sizeof(askr_shm),
                              nullptr,
                              nullptr,
                              [](askr_lock* lock) -> int32_t {
                                const bool dead = as_lock(lock).lock() == askr::arena::Acquired::from_dead_owner;
                                return dead ? ASKR_LOCK_RECOVERED : ASKR_LOCK_CLEAN;
                              },
                              [](askr_lock* lock) { as_lock(lock).unlock(); },
                              [](int32_t pid) -> int32_t { return askr::arena::process_is_alive(pid) ? 1 : 0; },
                              nullptr,
                              nullptr,
                              [](askr_lock* lock) -> int32_t { return as_lock(lock).renew() ? 1 : 0; }};

// A value that shows when it is torn: its checksum comes first.
inline std::string sealed(uint64_t seed, size_t size) {
  std::string body(size, '\0');
  for (size_t i = 0; i < size; ++i) body[i] = static_cast<char>((seed * 31 + i * 7) >> 3);
  const uint64_t sum = cache::hash_of(body);
  return std::string(reinterpret_cast<const char*>(&sum), sizeof sum) + body;
}

inline bool is_whole(std::string_view value) {
  uint64_t sum = 0;
  if (value.size() < sizeof sum) return false;
  std::memcpy(&sum, value.data(), sizeof sum);
  return sum == cache::hash_of(value.substr(sizeof sum));
}

inline double seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Memory that forked processes share; who leaves it in either direction is ended.
class SharedMemory {
 public:
  explicit SharedMemory(size_t size) : size_((size + 4095) / 4096 * 4096) {
    constexpr int kFlags = MAP_ANONYMOUS | MAP_NORESERVE;
    around_ = ::mmap(nullptr, size_ + 2 * kGuard, PROT_NONE, MAP_PRIVATE | kFlags, -1, 0);
    REQUIRE(around_ != MAP_FAILED);
    memory_ = ::mmap(static_cast<char*>(around_) + kGuard, size_, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_FIXED | kFlags, -1, 0);
    REQUIRE(memory_ != MAP_FAILED);
  }
  ~SharedMemory() { ::munmap(around_, size_ + 2 * kGuard); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  [[nodiscard]] void* get() const { return memory_; }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  static constexpr size_t kGuard = 1UL << 32;
  void* around_;
  void* memory_;
  size_t size_;
};

// Eight processes run `torture(number, seed)`, which never returns and exits when it has read what nobody wrote. Every
// 5 ms one of them is killed and begins anew: 200 times, and with ASKR_SOAK for a minute.
template <class Torture>
void kill_at_random(Torture&& torture) {
  std::mt19937 random(9);
  std::array<pid_t, 8> processes{};
  const auto start = [&](size_t number) {
    const unsigned seed = random();
    processes[number] = ::fork();
    if (processes[number] != 0) return;
    askr::refresh_process_id();
    torture(number, seed);
    ::_exit(2);
  };
  const auto finish = [&](size_t number) {
    ::kill(processes[number], SIGKILL);
    int status = 0;
    ::waitpid(processes[number], &status, 0);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(WTERMSIG(status) == SIGKILL);
  };
  for (size_t number = 0; number < processes.size(); ++number) start(number);
  const double end = seconds() + (std::getenv("ASKR_SOAK") != nullptr ? 60 : 0);
  for (unsigned kills = 0; kills < 200 || seconds() < end; ++kills) {
    ::usleep(5000);
    const size_t victim = random() % processes.size();
    finish(victim);
    start(victim);
  }
  for (size_t number = 0; number < processes.size(); ++number) finish(number);
}
