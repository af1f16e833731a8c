// A child process under supervision.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "exchange/exchange.hpp"

namespace askr::process {

struct ChildIdentity {
  exchange::Role role = exchange::Role::none;
  unsigned record = 0;      // in the process table
  uint32_t generation = 0;  // workers and templates
};

// Watches one process by its pidfd and calls `on_exit` once when it has ended and was reaped.
class Child final : public Watcher {
 public:
  using OnExit = std::function<void(Child&, int status)>;  // status as of waitpid

  Child(EventLoop& loop, pid_t pid, ChildIdentity identity, OnExit on_exit);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Its end is told by `ended` instead, while it is still a zombie whose number nobody else can get; reap() goes on.
  void wait_before_reaping(std::function<void()> ended) { before_reaping_ = std::move(ended); }
  void reap();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const ChildIdentity& identity() const { return identity_; }
  void signal(int number) const;
  void on_ready(uint32_t events) override;

 private:
  EventLoop& loop_;
  pid_t pid_;
  ChildIdentity identity_;
  UniqueFd pidfd_;
  OnExit on_exit_;
  std::function<void()> before_reaping_;
};

// A child of this process that no assignment names yet. A number that another process has told of may be any.
bool is_new_child(const exchange::Exchange& exchange, pid_t pid);

// "exited with code 1", "was killed by signal 11 (Segmentation fault)".
std::string describe_status(int status);

}  // namespace askr::process
