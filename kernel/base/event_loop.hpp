// EventLoop: epoll for one single-threaded process. Descriptors are registered once, edge-triggered unless asked
// otherwise, so a kept-alive connection costs no system call of its own. Why not Asio: docs/performance.md has the
// measurement.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr {

// What the loop calls when its descriptor is ready. Must outlive the registration, and the turn in which it is removed.
class Watcher {
 public:
  virtual void on_ready(uint32_t events) = 0;

 protected:
  ~Watcher() = default;
};

class EventLoop {
 public:
  static Result<EventLoop> create();

  // `events`: EPOLLIN, EPOLLET, ... Error: the descriptor cannot be watched or memory is short.
  Result<> add(int fd, uint32_t events, Watcher& watcher);
  void remove(int fd);

  // Sleeps until something is ready or `timeout_ns` has passed (negative: for ever).
  void wait(int64_t timeout_ns);
  // Calls the watchers of what wait() found.
  void dispatch();
  // In a child, which shares the loop with its parent until then: what either adds or removes, the other one has too.
  void close() { epoll_.reset(); }

 private:
  EventLoop() = default;
  UniqueFd epoll_;
  std::array<epoll_event, 256> events_{};
  int ready_ = 0;
};

}  // namespace askr
