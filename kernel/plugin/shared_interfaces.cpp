// What works in every process: "askr.shm/1", "askr.wake/1", "askr.log/1", "askr.metrics/1", "askr.command/1",
// "askr.service/1", and the registration of PHP functions.
#include <fmt/core.h>

#include <algorithm>

#include "arena/owner_lock.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "plugin/host.hpp"
#include "plugin/interfaces.hpp"
#include "plugin/live_request.hpp"

namespace askr::plugin {
namespace {

// ---------------------------------------------------------------- shared memory

// Sidecars run PHP, as workers do.
arena::Writers writers_of(uint32_t writers) {
  arena::Writers all = arena::Writers::none;
  if ((writers & ASKR_WRITERS_GATEWAYS) != 0) all = all | arena::Writers::gateways;
  if ((writers & ASKR_WRITERS_WORKERS) != 0) all = all | arena::Writers::workers | arena::Writers::sidecars;
  return all;
}

askr_status request_region_for(askr_shm_plan* plan, const char* name, uint64_t bytes, uint32_t layout_version,
                               uint32_t writers) {
  ActivePlugin& plugin = plan->plugin;
  if (name == nullptr || *name == '\0' || bytes == 0 || writers > ASKR_WRITERS_ALL) return ASKR_E_INVALID;
  const std::string full = fmt::format("{}.{}", plugin.id(), name);
  const auto taken = [&](const arena::Region& region) { return region.name == full; };
  if (std::any_of(plugin.regions.begin(), plugin.regions.end(), taken)) return ASKR_E_EXISTS;
  plugin.regions.push_back({.name = full,
                            .owner = std::string(plugin.id()),
                            .size = bytes,
                            .layout_version = layout_version,
                            .writers = writers_of(writers)});
  return ASKR_OK;
}

askr_status request_region(askr_shm_plan* plan, const char* name, uint64_t bytes, uint32_t layout_version) {
  return request_region_for(plan, name, bytes, layout_version, ASKR_WRITERS_ALL);
}

void* region(const askr_host* host, const char* name, uint64_t* bytes) {
  const ActivePlugin& plugin = plugin_of(host);
  return plugin.host->region(plugin, name, bytes);
}

static_assert(sizeof(askr_lock) == sizeof(arena::OwnerLock));

arena::OwnerLock& as_lock(askr_lock* word) {
  return *reinterpret_cast<arena::OwnerLock*>(word);
}

int32_t answer(arena::Acquired how) {
  if (how == arena::Acquired::busy) return ASKR_LOCK_BUSY;
  return how == arena::Acquired::from_dead_owner ? ASKR_LOCK_RECOVERED : ASKR_LOCK_CLEAN;
}

int32_t lock(askr_lock* word) {
  return answer(as_lock(word).lock());
}

int32_t lock_within(askr_lock* word, uint64_t patience) {
  return answer(as_lock(word).lock_within(static_cast<int64_t>(std::min<uint64_t>(patience, kSecond * 3600))));
}

int32_t renew(askr_lock* word) {
  return as_lock(word).renew() ? 1 : 0;
}

void unlock(askr_lock* word) {
  as_lock(word).unlock();
}

int32_t process_is_alive(int32_t pid) {
  return arena::process_is_alive(pid) ? 1 : 0;
}

// ---------------------------------------------------------------- wake-ups

askr_status on_wake(askr_registrar* registrar, void (*callback)(void* self)) {
  if (callback == nullptr) return ASKR_E_INVALID;
  registrar->plugin.on_wake = callback;
  return ASKR_OK;
}

askr_status wake_gateway(const askr_host* host, uint32_t gateway) {
  const ActivePlugin& plugin = plugin_of(host);
  return plugin.host->wake(plugin, gateway);
}

askr_status wake_all_gateways(const askr_host* host) {
  const ActivePlugin& plugin = plugin_of(host);
  askr_status status = plugin.host->wake(plugin, 0);
  for (unsigned gateway = 1; status == ASKR_OK; ++gateway) status = plugin.host->wake(plugin, gateway);
  return status == ASKR_E_INVALID ? ASKR_OK : status;  // there is no such gateway: that were all
}

// ---------------------------------------------------------------- log

log::Level level_of(uint32_t level) {
  switch (level) {
    case ASKR_LOG_DEBUG:
      return log::Level::debug;
    case ASKR_LOG_INFO:
      return log::Level::info;
    case ASKR_LOG_WARNING:
      return log::Level::warning;
    default:
      return log::Level::error;
  }
}

void write_log(const askr_host* host, uint32_t level, askr_str line) {
  if (!log::enabled(level_of(level))) return;
  log::write(level_of(level), fmt::format("plugin {}: {}", plugin_of(host).id(), to_view(line)));
}

int32_t is_on(uint32_t level) {
  return log::enabled(level_of(level)) ? 1 : 0;
}

// ---------------------------------------------------------------- metrics

askr_status add_metric(askr_registrar* registrar, uint32_t kind, const char* name, const char* help, uint32_t* metric) {
  if (name == nullptr || help == nullptr || kind > ASKR_METRIC_GAUGE) return ASKR_E_INVALID;
  Metrics& metrics = registrar->plugin.host->metrics();
  const auto taken = [name](const Metrics::Metric& each) { return each.name == name; };
  if (std::any_of(metrics.all().begin(), metrics.all().end(), taken)) return ASKR_E_EXISTS;
  return metrics.add({name, help, kind}, *metric) ? ASKR_OK : ASKR_E_FULL;
}

Metrics::Cell* cell_of(uint32_t metric) {
  const Host* host = Host::current();
  return host == nullptr ? nullptr : host->metrics().cell(metric);
}

void increment(uint32_t metric, int64_t by) {
  if (Metrics::Cell* cell = cell_of(metric)) cell->value.fetch_add(by, std::memory_order_relaxed);
}

void set_metric(uint32_t metric, int64_t value) {
  if (Metrics::Cell* cell = cell_of(metric)) cell->value.store(value, std::memory_order_relaxed);
}

int64_t metric_value(uint32_t metric) {
  const Metrics::Cell* cell = cell_of(metric);
  return cell == nullptr ? 0 : cell->value.load(std::memory_order_relaxed);
}

// ---------------------------------------------------------------- commands and services

askr_status add_command(askr_registrar* registrar, const askr_command* command) {
  if (!ASKR_HAS(command, run) || command->name == nullptr || command->usage == nullptr || command->summary == nullptr) {
    return ASKR_E_INVALID;
  }
  if (registrar->plugin.host->has_command(command->name)) return ASKR_E_EXISTS;
  registrar->plugin.commands.push_back(command);
  return ASKR_OK;
}

askr_status provide(askr_registrar* registrar, const char* name, const void* functions, void* self) {
  if (name == nullptr || functions == nullptr) return ASKR_E_INVALID;
  return registrar->plugin.host->add_service({name, functions, self}) ? ASKR_OK : ASKR_E_EXISTS;
}

const void* find_service(const askr_host* host, const char* name, void** self) {
  const Service* service = plugin_of(host).host->find_service(name);
  if (service == nullptr) return nullptr;
  if (self != nullptr) *self = service->self;
  return service->functions;
}

}  // namespace

askr_status php_add_function(askr_registrar* registrar, const askr_php_function* function) {
  if (!ASKR_HAS(function, call) || function->name == nullptr) return ASKR_E_INVALID;
  if (registrar->plugin.host->has_function(function->name)) return ASKR_E_EXISTS;
  registrar->plugin.functions.push_back(function);
  return ASKR_OK;
}

const askr_shm kShmInterface = {sizeof(askr_shm), request_region,     region,      lock, unlock,
                                process_is_alive, request_region_for, lock_within, renew};
const askr_wake kWakeInterface = {sizeof(askr_wake), on_wake, wake_gateway, wake_all_gateways};
const askr_log kLogInterface = {sizeof(askr_log), write_log, is_on};
const askr_metrics kMetricsInterface = {sizeof(askr_metrics), add_metric, increment, set_metric, metric_value};
const askr_commands kCommandInterface = {sizeof(askr_commands), add_command};
const askr_services kServiceInterface = {sizeof(askr_services), provide, find_service};

}  // namespace askr::plugin
