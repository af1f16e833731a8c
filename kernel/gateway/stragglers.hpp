// Stragglers: requests whose clients have gone, and which run all the same, now or when a worker gets to them. The
// timeouts of the queue and of requests hold for them as for others, or a script that never ends would keep its worker
// for ever.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "exchange/gateway_port.hpp"
#include "gateway/timers.hpp"

namespace askr::gateway {

// When a queued request is looked at first: its wake-up may have gone to a worker that cannot run (stopped, swapped
// out), so another one is woken then.
inline constexpr int64_t kWakeAgain = 20 * kMillisecond;

class Stragglers {
 public:
  // Watches over the requests that a gateway which died has left, too. `limit`: ns that a request may run.
  Stragglers(exchange::GatewayPort& port, Timers& timers, uint32_t first_slot, uint32_t slots, int64_t limit);
  ~Stragglers();

  // Nobody waits for the request in that slot any more.
  void abandon(uint32_t slot);

 private:
  class Straggler;
  void watch(uint32_t slot);

  exchange::GatewayPort& port_;
  Timers& timers_;
  const uint32_t first_slot_;
  const int64_t limit_;
  std::vector<std::unique_ptr<Straggler>> by_slot_;  // made when a slot has its first one
};

}  // namespace askr::gateway
