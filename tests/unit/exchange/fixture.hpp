// An exchange with one gateway and one worker in the test's own process.
#pragma once

#include <unistd.h>

#include <memory>
#include <string>

#include "arena/arena.hpp"
#include "base/clock.hpp"
#include "exchange/exchange.hpp"
#include "exchange/gateway_port.hpp"
#include "exchange/reclaim.hpp"
#include "exchange/worker_port.hpp"

namespace askr::exchange {

struct TestExchange {
  explicit TestExchange(ExchangeOptions options = {1, 1, 8})
      : arena(std::make_unique<arena::Arena>(arena::Arena::create(Exchange::regions(options)).value())),
        exchange(std::make_unique<Exchange>(Exchange::create(*arena, options).value())) {
    exchange->global().active_generation = 1;
    exchange->assignments()[exchange->gateway_record(0)].pid = ::getpid();
    for (unsigned worker = 0; worker < exchange->worker_records(); ++worker) assigned(worker).generation = 1;
  }

  // Queues a GET for `uri` and returns its slot.
  uint32_t submit(GatewayPort& gateway, std::string_view uri, std::string_view body = {}) {
    RequestView request;
    request.id = "id";
    request.method = body.empty() ? "GET" : "POST";
    request.uri = uri;
    request.body_size = body.size();
    uint32_t slot = 0;
    last = gateway.submit(request, {body, nullptr}, monotonic_now() + kSecond, slot);
    return slot;
  }

  // All body bytes published for a slot so far.
  static std::string collect(GatewayPort& gateway, uint32_t slot) {
    std::string body;
    SegmentView segment;
    while (gateway.peek(slot, segment)) {
      if (segment.kind == SegmentKind::body) body += segment.bytes;
      gateway.consume(slot, segment);
    }
    return body;
  }

  [[nodiscard]] Assignment& assigned(unsigned worker) const { return exchange->assignments()[worker]; }
  [[nodiscard]] Sleep& sleep(unsigned worker) const { return exchange->sleep(worker); }
  [[nodiscard]] unsigned worker_record() const { return exchange->first_worker_record(); }

  std::unique_ptr<arena::Arena> arena;
  std::unique_ptr<Exchange> exchange;
  Submitted last = Submitted::queued;
};

}  // namespace askr::exchange
