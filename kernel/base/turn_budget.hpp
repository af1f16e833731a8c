// TurnBudget: how much of one turn of an event loop goes to work that can wait, such as encoding a large body. What is
// left of it comes in the next turns, so that those whose turn is short do not wait for it.
//
// Processor time, and not that of the clock: on a busy machine a turn lasts longer without anybody doing more.
#pragma once

#include <cstdint>
#include <ctime>
#include <utility>

#include "base/clock.hpp"

namespace askr {

class TurnBudget {
 public:
  // Pieces of work are small beside it, so that a turn exceeds it by little.
  static constexpr int64_t kTurn = kMillisecond;

  void begin_turn() { used_ = 0; }
  [[nodiscard]] bool is_spent() const { return used_ >= kTurn; }
  // Does one piece of work, and hands on its result.
  template <class Work>
  auto spend(Work&& work) {
    const Spending spending(used_);
    return work();
  }

 private:
  static int64_t processor_time() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * kSecond + time.tv_nsec;
  }
  struct Spending {
    explicit Spending(int64_t& used_in) : used(used_in) {}
    ~Spending() { used += processor_time() - begun; }
    Spending(const Spending&) = delete;
    Spending& operator=(const Spending&) = delete;
    int64_t& used;
    int64_t begun = processor_time();
  };

  int64_t used_ = 0;
};

}  // namespace askr
