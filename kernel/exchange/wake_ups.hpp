// WakeUps: for which of the requests that a gateway has queued it wakes a worker.
//
// Waking a worker costs it 25 us until it runs, costs the gateway a system call, and on a busy machine takes the
// processor from a process that uses it, often from the client's. Workers that are awake look into the queue by
// themselves as soon as they have answered. So nobody is woken for those requests that they get to in less time than
// that: each worker keeps in its record what a request takes it (ProcessRecord::request_ns), and where that is not
// known, or where it is long as with most applications, each request wakes a worker that sleeps.
//
// A request held back that way is never forgotten: it is looked at again in each turn of the gateway, a worker is woken
// for it when nothing was taken for a while, because the one that was counted on has met a long request or has died,
// and before the gateway can fall asleep.
//
// Rejected: waking one worker for each request (two workers on two cores then preempt the client in turns: half of the
// throughput in bad moments), and a timer for those held back (the gateway turns anyway, or sleeps).
#pragma once

#include <cstdint>

#include "exchange/exchange.hpp"

namespace askr::exchange {

class WakeUps {
 public:
  explicit WakeUps(Exchange& exchange) : exchange_(exchange) {}

  // A request was queued. It counts with the next call of the others.
  void want() { ++new_; }
  // Wakes workers for the requests that those awake do not get to soon. Both return for how many requests there was no
  // worker to wake: all are busy, or awake and about to look.
  unsigned wake_needed(int64_t now);
  // Wakes workers for those held back too: the gateway may sleep next.
  unsigned wake_all();

 private:
  [[nodiscard]] bool may_hold_back(int64_t now);
  unsigned wake(unsigned wanted) const;

  Exchange& exchange_;
  unsigned new_ = 0, held_back_ = 0;
  uint32_t taken_ = 0;  // the queue's count when requests were last seen to be taken, and when that was
  int64_t taken_at_ = 0;
};

}  // namespace askr::exchange
