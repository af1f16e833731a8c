#include "plugin/host.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <ranges>

#include "base/log.hpp"
#include "pipeline/contain.hpp"
#include "plugin/interfaces.hpp"
#include "plugin/option_bridge.hpp"

namespace askr::plugin {
namespace {

Host* current_host = nullptr;

const void* get_interface(const askr_host* self, const char* name) {
  return plugin_of(self).host->find_interface(name);
}

void set_error(const askr_host* self, askr_str why) {
  plugin_of(self).error.assign(why.data == nullptr ? "" : why.data, why.size);
}

std::vector<std::string> ids_of(const char* const* list) {
  std::vector<std::string> ids;
  for (; list != nullptr && *list != nullptr; ++list) ids.emplace_back(*list);
  return ids;
}

std::string usage_of(const askr_command& command) {
  return fmt::format("Usage: askr {}\n", command.usage);
}

std::string help_of(const askr_command& command) {
  return fmt::format("{}\n{}\n", usage_of(command), command.summary);
}

// One step of one plugin; `call` answers an askr_status.
template <class Call>
Result<> step(ActivePlugin& plugin, std::string_view name, Call&& call) {
  plugin.error.clear();
  if (call() == ASKR_OK) return ok();
  const std::string why = plugin.error.empty() ? "no reason given" : plugin.error;
  return Error{fmt::format("plugin {} ({}): {} failed: {}", plugin.id(), plugin.library->path, name, why)};
}

}  // namespace

Host* Host::current() {
  return current_host;
}

Result<std::unique_ptr<Host>> Host::create(const std::vector<const Library*>& libraries, const config::Loaded& loaded,
                                           const askr_php& php) {
  if (libraries.size() > kMostPlugins)
    return usage_error(fmt::format("at most {} plugins can be active", kMostPlugins));
  std::unique_ptr<Host> host(new Host);
  host->workers_min_ = loaded.settings.server.workers_min;
  host->php_ = php;
  host->php_.add_function = php_add_function;
  current_host = host.get();
  for (const Library* library : libraries) {
    auto plugin = std::make_unique<ActivePlugin>();
    plugin->interface = {sizeof(askr_host), ASKR_ABI_MAJOR, ASKR_ABI_MINOR, ASKR_VERSION, get_interface, set_error};
    plugin->host = host.get();
    plugin->library = library;
    plugin->index = static_cast<unsigned>(host->plugins_.size());
    host->plugins_.push_back(std::move(plugin));
    ASKR_TRY(host->start(*host->plugins_.back(), loaded.settings));
  }
  for (const auto& plugin : host->plugins_) {
    if (!plugin->callbacks().shm_request) continue;
    askr_shm_plan plan{*plugin};
    ASKR_TRY(step(*plugin, "shm_request", [&] { return plugin->callbacks().shm_request(plugin->self, &plan); }));
  }
  return host;
}

Result<> Host::start(ActivePlugin& plugin, const config::Settings& settings) {
  const askr_callbacks& callbacks = plugin.callbacks();
  ASKR_TRY(step(plugin, "load", [&] { return callbacks.load(&plugin.interface, &plugin.self); }));
  if (callbacks.configure) {
    const ConfigurationView view(plugin.id(), settings);
    ASKR_TRY(step(plugin, "configure", [&] { return callbacks.configure(plugin.self, view.get()); }));
  }
  if (!callbacks.register_) return ok();
  askr_registrar registrar{plugin};
  return step(plugin, "register", [&] { return callbacks.register_(plugin.self, &registrar); });
}

// ---------------------------------------------------------------- shared memory

std::vector<arena::Region> Host::regions(unsigned gateways) const {
  std::vector<arena::Region> all;
  if (metrics_.bytes() > 0) all.push_back({"kernel.metrics", "kernel", metrics_.bytes()});
  all.push_back({"kernel.wake", "kernel", gateways * sizeof(std::atomic<uint64_t>)});
  for (const auto& plugin : plugins_) all.insert(all.end(), plugin->regions.begin(), plugin->regions.end());
  return all;
}

Result<> Host::share(const arena::Arena& arena, exchange::Exchange& exchange, const Account* account) {
  arena_ = &arena;
  exchange_ = &exchange;
  account_ = account;
  const ActingAs acting(account_);
  if (const arena::Region* region = arena.find("kernel.metrics")) metrics_.attach(region->data);
  wakes_ = reinterpret_cast<std::atomic<uint64_t>*>(arena.find("kernel.wake")->data);
  for (const auto& plugin : plugins_) {
    if (!plugin->callbacks().shm_init) continue;
    ASKR_TRY(step(*plugin, "shm_init", [&] { return plugin->callbacks().shm_init(plugin->self); }));
  }
  for (const auto& plugin : plugins_) {
    if (!plugin->callbacks().master_start) continue;
    ASKR_TRY(step(*plugin, "master_start", [&] { return plugin->callbacks().master_start(plugin->self); }));
  }
  return ok();
}

void* Host::region(const ActivePlugin& plugin, std::string_view name, uint64_t* bytes) const {
  const arena::Region* region = arena_ == nullptr ? nullptr : arena_->find(fmt::format("{}.{}", plugin.id(), name));
  if (region == nullptr) return nullptr;
  if (bytes != nullptr) *bytes = region->size;
  return region->data;
}

// ---------------------------------------------------------------- processes

Result<> Host::start_process(const askr_process& process) {
  for (const auto& plugin : plugins_) {
    if (!plugin->callbacks().process_start || is_dropped(*plugin)) continue;
    ASKR_TRY(step(*plugin, "process_start", [&] { return plugin->callbacks().process_start(plugin->self, &process); }));
  }
  return ok();
}

void Host::drain() {
  for (const auto& plugin : plugins_) {
    if (plugin->callbacks().drain && !is_dropped(*plugin)) plugin->callbacks().drain(plugin->self);
  }
}

// In mirror order, as everything that ends.
void Host::stop_process() {
  for (const auto& plugin : std::views::reverse(plugins_)) {
    if (is_dropped(*plugin) || !plugin->callbacks().process_stop) continue;
    plugin->callbacks().process_stop(plugin->self);
  }
}

void Host::stop_master() {
  const ActingAs acting(account_);
  for (const auto& plugin : std::views::reverse(plugins_)) {
    if (plugin->callbacks().master_stop) plugin->callbacks().master_stop(plugin->self);
  }
}

// ---------------------------------------------------------------- hooks and wake-ups

void Host::install(pipeline::Pipeline& pipeline) const {
  for (const auto& plugin : plugins_) {
    if (is_dropped(*plugin)) continue;
    for (const auto& [phase, hook] : plugin->hooks) {
      pipeline::Hook ordered = hook;
      ordered.before = ids_of(plugin->library->descriptor->before);
      ordered.after = ids_of(plugin->library->descriptor->after);
      pipeline.add(phase, std::move(ordered));
    }
  }
}

askr_status Host::wake(const ActivePlugin& plugin, unsigned gateway) {
  if (exchange_ == nullptr) return ASKR_E_WRONG_STEP;
  if (gateway >= exchange_->options().gateways) return ASKR_E_INVALID;
  wakes_[gateway].fetch_or(1ULL << plugin.index);
  exchange_->poke_gateway(gateway);
  return ASKR_OK;
}

void Host::run_wakes(unsigned gateway) {
  if (wakes_[gateway].load(std::memory_order_relaxed) == 0) return;
  const uint64_t due = wakes_[gateway].exchange(0);
  for (const auto& plugin : plugins_) {
    if ((due >> plugin->index & 1) == 0 || plugin->on_wake == nullptr || is_dropped(*plugin)) continue;
    pipeline::contain(plugin->id(), "its wake-up", 0, [&] { return plugin->on_wake(plugin->self), 0; });
  }
}

void Host::run_waits() {
  for (const auto& plugin : plugins_) {
    if (plugin->on_wait == nullptr || is_dropped(*plugin)) continue;
    pipeline::contain(plugin->id(), "on_wait", 0, [&] { return plugin->on_wait(plugin->self), 0; });
  }
}

// ---------------------------------------------------------------- commands

std::pair<int, std::string> Host::run_command(std::string_view name, const std::vector<std::string>& arguments) {
  struct Reply {
    askr_reply interface;
    std::string text;
  } reply{{sizeof(askr_reply),
           [](askr_reply* self, askr_str text) {
             if (text.data != nullptr) reinterpret_cast<Reply*>(self)->text.append(text.data, text.size);
           }},
          {}};
  const ActingAs acting(account_);
  std::vector<askr_str> views;
  for (const std::string& argument : arguments) views.push_back({argument.data(), argument.size()});
  for (const auto& plugin : plugins_) {
    for (const askr_command* command : plugin->commands) {
      if (command->name != name) continue;
      if (arguments == std::vector<std::string>{"--help"}) return {0, help_of(*command)};
      if (is_dropped(*plugin)) {
        return {
            1, fmt::format("plugin {} was taken out, because processes died in it: see the error log\n", plugin->id())};
      }
      const askr_status status = pipeline::contain(plugin->id(), "its command", askr_status{ASKR_E_FAILED}, [&] {
        return command->run(plugin->self, views.data(), static_cast<uint32_t>(views.size()), &reply.interface);
      });
      if (status == ASKR_E_INVALID) return {2, reply.text + usage_of(*command)};
      return {status == ASKR_OK ? 0 : 1, reply.text};
    }
  }
  return {2, {}};
}

// ---------------------------------------------------------------- lookups

bool Host::is_dropped(const ActivePlugin& plugin) const {
  return exchange_ != nullptr && (exchange_->global().dropped_plugins.load() >> plugin.index & 1) != 0;
}

const ActivePlugin* Host::plugin_at(uintptr_t address) const {
  for (const auto& plugin : plugins_) {
    if (address >= plugin->library->code_begin && address < plugin->library->code_end) return plugin.get();
  }
  return nullptr;
}

const void* Host::find_interface(std::string_view name) const {
  return name == ASKR_PHP ? &php_ : plugin::find_interface(name);
}

const Service* Host::find_service(std::string_view name) const {
  const auto found = std::find_if(services_.begin(), services_.end(), [&](const Service& s) { return s.name == name; });
  return found == services_.end() ? nullptr : &*found;
}

bool Host::add_service(Service service) {
  if (find_service(service.name) != nullptr) return false;
  services_.push_back(std::move(service));
  return true;
}

bool Host::has_function(std::string_view name) const {
  for (const auto& plugin : plugins_) {
    for (const askr_php_function* function : plugin->functions) {
      if (function->name == name) return true;
    }
  }
  return false;
}

bool Host::has_command(std::string_view name) const {
  for (const auto& plugin : plugins_) {
    for (const askr_command* command : plugin->commands) {
      if (command->name == name) return true;
    }
  }
  return false;
}

}  // namespace askr::plugin
