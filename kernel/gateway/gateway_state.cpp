#include "gateway/gateway_state.hpp"

#include "base/clock.hpp"
#include "http/date.hpp"

namespace askr::gateway {

GatewayState::GatewayState(const config::Settings& settings_in, exchange::Exchange& exchange_in, unsigned index,
                           EventLoop& loop_in, pipeline::Pipeline& pipeline_in, TrustedProxies proxies_in)
    : settings(settings_in),
      exchange(exchange_in),
      record(exchange_in.records()[exchange_in.gateway_record(index)]),
      port(exchange_in, index),
      loop(loop_in),
      pipeline(pipeline_in),
      proxies(std::move(proxies_in)),
      stragglers(port, timers, index * exchange_in.slots_per_gateway(), exchange_in.slots_per_gateway(),
                 settings_in.server.request_timeout),
      contexts({settings_in.server.max_head_size, settings_in.server.max_headers}, settings_in.server.spool_dir),
      by_slot(exchange_in.slots_per_gateway()),
      first_slot(index * exchange_in.slots_per_gateway()) {
  root.front = settings.server.front;
  root.worker_mode = settings.worker_mode();
}

std::string_view GatewayState::date() {
  const int64_t second = wall_now() / kSecond;
  if (second != date_second_) {
    date_second_ = second;
    date_ = http::format_date(second);
  }
  return date_;
}

}  // namespace askr::gateway
