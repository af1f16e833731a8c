// The spools of several gateways in the test's own process, with one limit for all.
#pragma once

#include <deque>
#include <memory>

#include "arena/arena.hpp"
#include "exchange/exchange.hpp"
#include "gateway/spool.hpp"

namespace askr::gateway {

struct SpoolFixture {
  SpoolFixture(unsigned gateways, uint64_t limit_in)
      : options{gateways, 1, 8},
        limit(limit_in),
        arena(arena::Arena::create(exchange::Exchange::regions(options)).value()),
        exchange(exchange::Exchange::create(arena, options).value()) {
    for (unsigned gateway = 0; gateway < gateways; ++gateway) add(gateway);
  }

  // As a new gateway of that number does.
  Spool& add(unsigned gateway) {
    return spools.emplace_back("/tmp", limit, exchange, exchange.records()[exchange.gateway_record(gateway)]);
  }
  [[nodiscard]] uint64_t used() const { return exchange.spooled(); }

  const exchange::ExchangeOptions options;
  const uint64_t limit;
  arena::Arena arena;
  exchange::Exchange exchange;
  std::deque<Spool> spools;
};

}  // namespace askr::gateway
