// Ends what the leader of a process group has left behind: TERM to all of them, KILL to those that are still there some
// seconds later.
//
// The leader has ended, and nobody has taken note of that yet (waitpid): as long as it is a zombie, its number is still
// the group's and cannot be given to another process.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "base/event_loop.hpp"
#include "process/alarms.hpp"

namespace askr::process {

// Living processes of the group, from /proc.
std::vector<pid_t> members_of_group(pid_t group);

class GroupEnding final {
 public:
  static constexpr int64_t kGrace = 5 * kSecond;

  // `on_ended` is called when nobody is left, later or right away; it may delete this.
  GroupEnding(EventLoop& loop, Alarms& alarms, pid_t group, std::function<void()> on_ended);
  ~GroupEnding();
  GroupEnding(const GroupEnding&) = delete;
  GroupEnding& operator=(const GroupEnding&) = delete;

  void start();

 private:
  class Member;
  void look();
  void on_member_end();

  EventLoop& loop_;
  Alarms& alarms_;
  const pid_t group_;
  std::function<void()> on_ended_;
  std::vector<std::unique_ptr<Member>> members_, gone_;
  size_t waiting_for_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace askr::process
