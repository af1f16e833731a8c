#include "php/signal_state.hpp"

#include <sys/time.h>

#include <cstring>

namespace askr::php {
namespace {

bool is_same(const struct sigaction& a, const struct sigaction& b) {
  return a.sa_handler == b.sa_handler && a.sa_flags == b.sa_flags &&
         std::memcmp(&a.sa_mask, &b.sa_mask, sizeof(long)) == 0;
}

void stop_timers() {
  const itimerval none{};
  for (const __itimer_which timer : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) ::setitimer(timer, &none, nullptr);
}

// A signal that waits is dropped when it is ignored. Those with a handler of ours are orders of the master.
void put_back_action(int signal, const struct sigaction& wanted, bool waits) {
  struct sigaction found {};
  if (::sigaction(signal, nullptr, &found) != 0) return;
  const bool drop = waits && wanted.sa_handler == SIG_DFL;
  if (drop) ::signal(signal, SIG_IGN);
  if (drop || !is_same(found, wanted)) ::sigaction(signal, &wanted, nullptr);
}

}  // namespace

void stop_time_limit() {
  const itimerval none{};
  ::setitimer(ITIMER_PROF, &none, nullptr);
}

void SignalState::take() {
  for (int signal = 1; signal < kSignals; ++signal)
    ::sigaction(signal, nullptr, &actions_[static_cast<size_t>(signal)]);
  ::sigprocmask(SIG_BLOCK, nullptr, &blocked_);
}

void SignalState::put_back() const {
  stop_timers();
  sigset_t waiting;
  sigemptyset(&waiting);
  ::sigpending(&waiting);
  for (int signal = 1; signal < kSignals; ++signal) {
    put_back_action(signal, actions_[static_cast<size_t>(signal)], sigismember(&waiting, signal) == 1);
  }
  ::sigprocmask(SIG_SETMASK, &blocked_, nullptr);
}

}  // namespace askr::php
