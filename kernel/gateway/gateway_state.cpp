#include "gateway/gateway_state.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "http/date.hpp"

namespace askr::gateway {
namespace {

constexpr int64_t kSayAgain = 10 * kSecond;

exchange::GatewayPort::Leftovers leftovers(const config::Settings& settings) {
  return settings.server.abandon == "queue" ? exchange::GatewayPort::Leftovers::withdraw
                                            : exchange::GatewayPort::Leftovers::run;
}

}  // namespace

GatewayState::GatewayState(const config::Settings& settings_in, exchange::Exchange& exchange_in, unsigned index,
                           EventLoop& loop_in, pipeline::Pipeline& pipeline_in, TrustedProxies proxies_in)
    : settings(settings_in),
      exchange(exchange_in),
      record(exchange_in.records()[exchange_in.gateway_record(index)]),
      spool(settings_in.server.spool_dir, settings_in.server.spool_limit, exchange_in, record),
      port(exchange_in, index, leftovers(settings_in)),
      loop(loop_in),
      pipeline(pipeline_in),
      proxies(std::move(proxies_in)),
      stragglers(port, timers, index * exchange_in.slots_per_gateway(), exchange_in.slots_per_gateway(),
                 settings_in.server.request_timeout),
      contexts({settings_in.server.max_head_size, settings_in.server.max_headers}, spool, timers),
      by_slot(exchange_in.slots_per_gateway()),
      first_slot(index * exchange_in.slots_per_gateway()) {
  root.front = settings.server.front;
  root.worker_mode = settings.worker_mode();
  root.files = settings.worker.files;
  root.worker_script = settings.worker.script;
}

bool GatewayState::queue_is_half_full() const {
  return exchange.queue().depth() > exchange.options().queue_size / 2;
}

void GatewayState::note_shed() {
  const uint64_t shed = record.shed.load(std::memory_order_relaxed) + 1;
  record.shed.store(shed, std::memory_order_relaxed);
  if (told_of_shedding_ != 0 && now - told_of_shedding_ < kSayAgain) return;
  log::warning("requests were dropped from the queue because their clients had gone: {} since this was said last{}",
               shed - shed_then_, drops_queued() ? " (server.abandon)" : "; the queue is more than half full");
  told_of_shedding_ = now;
  shed_then_ = shed;
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
