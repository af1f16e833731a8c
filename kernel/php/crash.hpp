// Last words. A worker that crashes, or that is told that its request takes too long, leaves a note saying which PHP
// code ran; the master logs it.
#pragma once

#include <csignal>

#include "exchange/process_table.hpp"

namespace askr::php {

// Installs the handlers of a worker: SIGSEGV and its kin leave a note and then kill the process as they would have;
// over_time_signal() leaves a note and ends the process at once with kTimedOutExit. SIGTERM, SIGINT, SIGHUP and SIGUSR2
// do nothing: the master retires workers through the exchange.
void install_signal_handlers(exchange::ProcessRecord& record);
// Those of a sidecar: faults alone.
void install_fault_handlers(exchange::ProcessRecord& record);

// Those of a process that runs tests: faults, and over_time_signal().
void install_test_handlers(exchange::ProcessRecord& record);

// None that a script, an administrator or a supervisor would use for something else.
inline int over_time_signal() {
  return SIGRTMIN + 2;
}
inline constexpr int kTimedOutExit = 124;

}  // namespace askr::php
