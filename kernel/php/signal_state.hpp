// What the kernel keeps for a process about signals: who handles them, which are blocked, and the timers that send
// them. Taken at a moment and put back.
#pragma once

#include <signal.h>

#include <array>

namespace askr::php {

// The timer of set_time_limit(), which each request sets.
void stop_time_limit();

// Plain data, so that it can live in any memory.
class SignalState {
 public:
  void take();
  // No timer runs afterwards. What was blocked meanwhile and would end the process is dropped.
  void put_back() const;

 private:
  static constexpr int kSignals = 65;
  std::array<struct sigaction, kSignals> actions_;
  sigset_t blocked_;
};

}  // namespace askr::php
