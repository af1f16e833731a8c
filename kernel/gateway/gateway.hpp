// The gateway process: one event loop, the clients of this gateway, its end of the exchange.
#pragma once

#include <vector>

#include "config/settings.hpp"
#include "exchange/exchange.hpp"
#include "gateway/access_log.hpp"
#include "gateway/listener.hpp"
#include "plugin/host.hpp"

namespace askr::gateway {

struct GatewayOptions {
  const config::Settings& settings;
  exchange::Exchange& exchange;
  unsigned index = 0;
  const std::vector<Listener>& listeners;
  plugin::Host& plugins;
  AccessLog* access_log = nullptr;  // nullptr: off
};

// Runs until the server stops (Global::stopping or SIGTERM) and the last response is out. Returns the exit code.
int run_gateway(const GatewayOptions& options);

}  // namespace askr::gateway
