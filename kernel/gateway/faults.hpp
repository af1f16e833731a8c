// Which plugin is at fault when a gateway dies or does not get on.
//
// Hooks leave no trace of who runs, because that would cost every request; what runs is found on the stack instead, at
// the moment it matters: a signal says that the process dies, or that one turn of the loop takes too long.
#pragma once

#include <cstdint>

#include "base/fd.hpp"
#include "exchange/exchange.hpp"
#include "plugin/host.hpp"

namespace askr::gateway {

// Notes in the gateway's record which plugin it was in when it dies of a fault. Once per process.
void note_crashes(const plugin::Host& plugins, exchange::ProcessRecord& record);

// Notes in the gateway's record which plugin has kept the loop from going on for kBlocked, and wakes the master, which
// says so. A timer ticks while there is work and is off while the gateway sleeps; a turn costs one comparison. One that
// keeps the loop for `limit` ends the process, with a note as of a crash: it would never come back.
//
// What counts is the time in which the gateway ran or slept by its own doing. That it was ready to run and others had
// the processors is nobody's fault in here, so the time for which the kernel made it wait is taken off.
class Watchdog {
 public:
  static constexpr int64_t kBlocked = 100 * kMillisecond;

  Watchdog(const plugin::Host& plugins, exchange::Exchange& exchange, exchange::ProcessRecord& record, int64_t limit);
  // Between these two the gateway works; outside it sleeps.
  void begin_turn();
  void end_turn();

 private:
  UniqueFd waits_;  // where the kernel says how long this process was made to wait
};

}  // namespace askr::gateway
