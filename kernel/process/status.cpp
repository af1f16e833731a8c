#include "process/status.hpp"

#include <vector>

#include "base/process_memory.hpp"
#include "exchange/reclaim.hpp"
#include "process/json_line.hpp"

namespace askr::process {
namespace {

std::string mode_name(const config::Settings& settings) {
  std::string name = settings.worker_mode() ? "worker" : "per-request";
  if (settings.isolates()) return name + (settings.rewinds() ? ", rewound" : ", isolated");
  return settings.worker.cow ? name + ", cow" : name;
}

// From the moment that the master wanted it to when it was ready; 0: not yet, or no worker.
double boot_ms(int64_t started, const exchange::ProcessRecord& record) {
  const int64_t ready_at = exchange::time_between(started, record.ready_at, monotonic_now());
  return ready_at == 0 ? 0 : static_cast<double>(ready_at - started) / kMillisecond;
}

// Records, as a person wants to read of them.
std::vector<unsigned> in_order(const exchange::Exchange& exchange) {
  std::vector<unsigned> order{exchange.master_record()};
  for (unsigned gateway = 0; gateway < exchange.options().gateways; ++gateway) {
    order.push_back(exchange.gateway_record(gateway));
  }
  const auto add = [&order](unsigned first, unsigned count) {
    for (unsigned index = first; index < first + count; ++index) order.push_back(index);
  };
  add(exchange.first_worker_record(), exchange.worker_records());
  add(exchange.first_template_record(), exchange::kTemplateRecords);
  add(exchange.first_sidecar_record(), exchange.options().sidecars);
  return order;
}

// isolation = "rewind"; null with any other one.
nlohmann::json rewinding(const config::Settings& settings, const exchange::Exchange& exchange) {
  if (!settings.rewinds()) return nullptr;
  nlohmann::json reasons = nlohmann::json::object();
  uint64_t total = 0;
  for (uint8_t index = 1; index < static_cast<uint8_t>(exchange::NotRewound::count); ++index) {
    const uint64_t count = exchange.global().not_rewound[index].load();
    if (count == 0) continue;
    reasons[std::string(exchange::reason_text(exchange::NotRewound{index}))] = count;
    total += count;
  }
  return {{"forks_each", exchange.global().forks_each.load() != 0}, {"not_rewound", total}, {"reasons", reasons}};
}

// Of the active generation.
unsigned wanted_workers(const config::Settings& settings, const exchange::Exchange& exchange) {
  const bool has_spares = exchange.global().forks_each.load() != 0;
  return exchange.worker_target() * (has_spares ? settings.server.spares : 1);
}

uint64_t seconds_since(int64_t start) {
  return static_cast<uint64_t>((monotonic_now() - start) / kSecond);
}

}  // namespace

std::string status_json(const config::Settings& settings, const exchange::Exchange& exchange,
                        const plugin::Host& plugins, unsigned renewals, int64_t started) {
  nlohmann::json processes = nlohmann::json::array();
  uint64_t rss_total = 0;
  uint64_t shed = 0;
  unsigned workers_alive = 0;
  const uint32_t generation = exchange.global().active_generation.load();
  for (const unsigned index : in_order(exchange)) {
    const exchange::ProcessRecord& record = exchange.records()[index];
    const exchange::Assignment& assigned = exchange.assignments()[index];
    const int pid = assigned.pid.load();
    if (pid == 0) continue;
    const ProcessMemory memory = memory_of(pid);
    rss_total += memory.resident >> 10;
    if (assigned.role == exchange::Role::worker && assigned.generation == generation) ++workers_alive;
    shed += record.shed.load();
    const bool draining = assigned.retire.load() != 0;
    processes.push_back({{"role", exchange::role_name(assigned.role)},
                         {"name", assigned.role == exchange::Role::sidecar ? assigned.name : ""},
                         {"index", assigned.index.load()},
                         {"pid", pid},
                         {"state", draining ? "draining" : exchange::state_name(record.state)},
                         {"requests", record.requests.load()},
                         {"connections", record.connections.load()},
                         {"shed", record.shed.load()},
                         {"spooled", record.spooled.load()},
                         {"rss_kb", memory.resident >> 10},
                         {"pss_kb", memory.proportional >> 10},
                         {"private_kb", memory.own >> 10},
                         {"uptime_secs", seconds_since(assigned.started)},
                         {"boot_ms", boot_ms(assigned.started, record)},
                         {"generation", assigned.generation.load()}});
  }
  nlohmann::json listen = nlohmann::json::array();
  for (const config::ListenAddress& address : settings.server.listen) listen.push_back(address.text());
  const exchange::ExchangeUsage usage = exchange::usage(exchange);
  nlohmann::json metrics = nlohmann::json::object();
  for (uint32_t id = 0; id < plugins.metrics().all().size(); ++id) {
    const plugin::Metrics::Cell* cell = plugins.metrics().cell(id);
    metrics[plugins.metrics().all()[id].name] = cell == nullptr ? 0 : cell->value.load();
  }
  nlohmann::json active = nlohmann::json::array();
  for (const auto& plugin : plugins.plugins()) {
    if (!plugins.is_dropped(*plugin)) active.push_back(plugin->id());
  }
  const nlohmann::json status = {{"version", ASKR_VERSION},
                                 {"listen", listen},
                                 {"mode", mode_name(settings)},
                                 {"user", settings.server.user},
                                 {"folder", settings.folder},
                                 {"config_file", settings.config_file},
                                 {"uptime_secs", seconds_since(started)},
                                 {"generation", generation},
                                 {"workers_configured", settings.server.workers},
                                 {"workers_target", wanted_workers(settings, exchange)},
                                 {"workers_min", settings.server.workers_min},
                                 {"workers_max", settings.server.workers_max},
                                 {"workers_alive", workers_alive},
                                 {"respawns", exchange.global().respawns.load()},
                                 {"rewinding", rewinding(settings, exchange)},
                                 {"renewals", renewals},
                                 {"queue_depth", usage.queue_depth},
                                 {"shed", shed},
                                 {"spool", {{"used", exchange.spooled()}, {"limit", settings.server.spool_limit}}},
                                 {"rss_kb_total", rss_total},
                                 {"exchange",
                                  {{"slots", usage.slots},
                                   {"slots_used", usage.slots_used},
                                   {"blocks", usage.blocks},
                                   {"blocks_used", usage.blocks_used}}},
                                 {"plugins", active},
                                 {"metrics", metrics},
                                 {"processes", processes}};
  return json_line(status);
}

}  // namespace askr::process
