// Stragglers: requests whose clients have gone while their workers still run. The request timeout holds for them as for
// others, or a script that never ends would keep its worker for ever.
#pragma once

#include <memory>
#include <vector>

#include "exchange/gateway_port.hpp"
#include "gateway/timers.hpp"

namespace askr::gateway {

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
