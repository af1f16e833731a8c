#include "arena/owner_watch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <ctime>

#include "arena/owner_lock.hpp"
#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/process_id.hpp"

namespace askr::arena {
namespace {

// One letter, as in /proc/PID/stat; '\0': there is no such process.
char state_of(int pid) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return '\0';
  char text[256];
  const ssize_t size = ::read(file.get(), text, sizeof text - 1);
  if (size <= 0) return '\0';
  text[size] = '\0';
  const char* name_end = std::strrchr(text, ')');
  return name_end != nullptr && name_end[1] == ' ' ? name_end[2] : '\0';
}

bool is_alive(char state) {
  return state != '\0' && state != 'Z' && state != 'X';
}

// ns that the process has run; 0 when that cannot be known.
int64_t cpu_time_of(int pid) {
  clockid_t clock = 0;
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return time.tv_sec * kSecond + time.tv_nsec;
}

}  // namespace

bool process_is_alive(int pid) {
  return is_alive(state_of(pid));
}

Owner OwnerWatch::look(const void* lock, uint32_t acquisition, int pid) {
  const int64_t now = monotonic_now();
  if (lock != lock_ || acquisition != acquisition_) *this = {};
  if (looks_ > 0 && now - last_look_ < kPause) return Owner::at_work;
  const char state = state_of(pid);
  if (!is_alive(state)) return Owner::dead;
  if (pid == process_id()) return Owner::stuck;  // who waits does not hold it
  if (looks_ == 0) {
    lock_ = lock;
    acquisition_ = acquisition;
    cpu_time_ = cpu_time_of(pid);
  }
  last_look_ = now;
  ++looks_;
  if (state == 'S' || state == 'T' || state == 't') ++idle_looks_;
  const bool is_stuck = idle_looks_ >= kIdleLooks || looks_ >= kMostLooks || cpu_time_of(pid) - cpu_time_ > kLongestRun;
  if (!is_stuck) return Owner::at_work;
  *this = {};
  return Owner::stuck;
}

}  // namespace askr::arena
