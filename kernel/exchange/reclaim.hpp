// What the master does to the exchange when a worker has died.
#pragma once

#include <string>

#include "exchange/exchange.hpp"

namespace askr::exchange {

// What a worker was at when it died; empty: nothing. Copied, because the slot belongs to its gateway again.
struct LostRequest {
  std::string id, method, uri;
  std::string script_name;  // relative to the document root
};

// Tells the gateways of the requests that the worker in record `record_index` had, running or just done, and clears the
// record. Returns the request that was running, for the log.
LostRequest reclaim_worker(Exchange& exchange, unsigned record_index);

// Counts for the leak check and for `askr regions`: what is not free although nothing uses it shows up here.
struct ExchangeUsage {
  unsigned slots = 0, slots_used = 0;
  unsigned blocks = 0, blocks_used = 0;
  unsigned queue_depth = 0;
};
ExchangeUsage usage(const Exchange& exchange);

}  // namespace askr::exchange
