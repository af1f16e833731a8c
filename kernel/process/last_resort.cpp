#include "process/last_resort.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>

#include "base/clock.hpp"

namespace askr::process {
namespace {

timer_t last_resort;
itimerspec patience{};

}  // namespace

// Made beforehand: a signal handler can set a timer, and no more.
void prepare_last_resort(int64_t ns) {
  ns = std::max(ns, kMillisecond);  // nothing would mean never
  patience.it_value = {ns / kSecond, ns % kSecond};
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  ::timer_create(CLOCK_MONOTONIC, &event, &last_resort);
}

void start_last_resort() {
  ::timer_settime(last_resort, 0, &patience, nullptr);
}

}  // namespace askr::process
