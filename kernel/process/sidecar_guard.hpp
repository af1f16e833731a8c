// Ends the sidecars with all that they have started when the master has been killed and cannot do it itself.
//
// The kernel tells a child that its parent has died, but not the children of that child, and not a program that has
// forgotten it by an exec(). So a process of its own holds the other end of a pipe of the master's, with a list of
// process groups; the end of that pipe is the end of the master. It is started with the first sidecar.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>

#include "base/account.hpp"
#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "process/alarms.hpp"
#include "process/child.hpp"

namespace askr::process {

class SidecarGuard {
 public:
  // How such a group is asked to end: PHP passes it on to what it has started, if it wants to.
  enum class Asks : uint8_t { leader, group };

  // `patience`: ns from being asked to being killed.
  SidecarGuard(EventLoop& loop, Alarms& alarms, const Account* account, int64_t patience);
  ~SidecarGuard();
  SidecarGuard(const SidecarGuard&) = delete;
  SidecarGuard& operator=(const SidecarGuard&) = delete;

  void watch(pid_t group, Asks asks);
  void forget(pid_t group);
  // 0: there is none.
  [[nodiscard]] pid_t pid() const { return child_ ? child_->pid() : 0; }
  // In a forked child.
  void close() { pipe_.reset(); }

 private:
  void start();
  void start_later();

  EventLoop& loop_;
  Alarms& alarms_;
  const Account* account_;
  const int64_t patience_;
  UniqueFd pipe_;
  std::unique_ptr<Child> child_;
  std::map<pid_t, Asks> groups_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace askr::process
