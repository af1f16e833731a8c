// What sidecars write to their standard output and error: read by the master line by line and put into the error log,
// with what could forge a line or drive a terminal escaped, and at most so much a second (OutputLimit). Beyond that
// lines are dropped, and a program that writes faster than they are read waits.
//
// Each process gets a pipe of its own. It is read until nobody has the other end any more, which may be a child that a
// scheduled job has left in the background.
#pragma once

#include <list>
#include <string>

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "process/alarms.hpp"

namespace askr::process {

class SidecarPipe;

class SidecarOutput {
 public:
  SidecarOutput(EventLoop& loop, Alarms& alarms);
  ~SidecarOutput();
  SidecarOutput(const SidecarOutput&) = delete;
  SidecarOutput& operator=(const SidecarOutput&) = delete;

  // The end to write to, for one process of that name.
  Result<UniqueFd> open(const std::string& name);
  // In a forked child.
  void forget();

 private:
  friend class SidecarPipe;
  void drop(SidecarPipe* pipe);

  EventLoop& loop_;
  Alarms& alarms_;
  std::list<SidecarPipe> pipes_;
};

}  // namespace askr::process
