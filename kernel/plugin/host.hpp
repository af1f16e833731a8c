// Host: the active plugins of this server, from `load` to `master_stop`, and all that they have registered.
//
// Made by the master before any fork; gateways and workers inherit it. The steps before the first fork happen in
// create() (load, configure, register, shm_request) and share() (shm_init, master_start).
#pragma once

#include <askr/abi/all.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arena/arena.hpp"
#include "base/account.hpp"
#include "base/result.hpp"
#include "config/load.hpp"
#include "exchange/exchange.hpp"
#include "pipeline/pipeline.hpp"
#include "plugin/library.hpp"
#include "plugin/metrics.hpp"

namespace askr::plugin {

class Host;

// Most active plugins at once: one bit each in a word.
inline constexpr unsigned kMostPlugins = 64;

struct ActivePlugin {
  askr_host interface;  // first: what the plugin gets is a pointer to it
  Host* host = nullptr;
  const Library* library = nullptr;
  unsigned index = 0;  // its bit
  void* self = nullptr;
  std::string error;  // of the step that is running

  // --- registered by it
  std::vector<std::pair<pipeline::Phase, pipeline::Hook>> hooks;
  std::vector<const askr_php_function*> functions;
  std::vector<const askr_command*> commands;
  std::vector<arena::Region> regions;
  void (*on_wake)(void* self) = nullptr;
  void (*on_wait)(void* self) = nullptr;

  [[nodiscard]] std::string_view id() const { return library->id(); }
  [[nodiscard]] const askr_callbacks& callbacks() const { return *library->descriptor->callbacks; }
};

inline ActivePlugin& plugin_of(const askr_host* host) {
  return *reinterpret_cast<ActivePlugin*>(const_cast<askr_host*>(host));
}

struct Service {
  std::string name;
  const void* functions;
  void* self;
};

class Host {
 public:
  // `php` is "askr.php/1" but for add_function, which is the host's. The libraries outlive the host.
  static Result<std::unique_ptr<Host>> create(const std::vector<const Library*>& libraries,
                                              const config::Loaded& loaded, const askr_php& php);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // What to ask the arena for: the host's own regions and those of the plugins.
  [[nodiscard]] std::vector<arena::Region> regions(unsigned gateways) const;
  // Shared memory is there. `account`: the master, as root, runs the plugins' code in its name from here on, so that
  // the files which they write are the account's; it outlives the host. nullptr: as itself.
  Result<> share(const arena::Arena& arena, exchange::Exchange& exchange, const Account* account);

  // In a gateway or worker, after its fork.
  Result<> start_process(const askr_process& process);
  void drain();
  void stop_process();
  // In the master, when everything else has ended.
  void stop_master();

  // Adds the hooks of all plugins that still run.
  void install(pipeline::Pipeline& pipeline) const;
  // Calls those whose wake-up is due in this gateway.
  void run_wakes(unsigned gateway);
  // Requests were queued in this turn of a gateway's loop for which there was no idle worker.
  void run_waits();
  // `askr NAME ARGUMENTS...`, in the master; `--help` as the only argument is answered for the plugin. Exit code and
  // text.
  std::pair<int, std::string> run_command(std::string_view name, const std::vector<std::string>& arguments);

  [[nodiscard]] const std::vector<std::unique_ptr<ActivePlugin>>& plugins() const { return plugins_; }
  // Taken out of the running server, because gateways kept dying in it: none of its code is called any more.
  [[nodiscard]] bool is_dropped(const ActivePlugin& plugin) const;
  // nullptr: that code belongs to no plugin.
  [[nodiscard]] const ActivePlugin* plugin_at(uintptr_t address) const;
  [[nodiscard]] const Metrics& metrics() const { return metrics_; }

  // --- for the interfaces
  const void* find_interface(std::string_view name) const;
  [[nodiscard]] const Service* find_service(std::string_view name) const;
  bool add_service(Service service);
  Metrics& metrics() { return metrics_; }
  // nullptr: shared memory is not there yet.
  [[nodiscard]] exchange::Exchange* exchange() const { return exchange_; }
  [[nodiscard]] unsigned workers_min() const { return workers_min_; }
  [[nodiscard]] bool has_function(std::string_view name) const;
  [[nodiscard]] bool has_command(std::string_view name) const;
  void* region(const ActivePlugin& plugin, std::string_view name, uint64_t* bytes) const;
  askr_status wake(const ActivePlugin& plugin, unsigned gateway);

  // The host of this process; nullptr when there are no plugins.
  static Host* current();

 private:
  Host() = default;
  Result<> start(ActivePlugin& plugin, const config::Settings& settings);

  std::vector<std::unique_ptr<ActivePlugin>> plugins_;
  std::vector<Service> services_;
  Metrics metrics_;
  askr_php php_{};
  const arena::Arena* arena_ = nullptr;
  exchange::Exchange* exchange_ = nullptr;
  const Account* account_ = nullptr;
  unsigned workers_min_ = 0;
  std::atomic<uint64_t>* wakes_ = nullptr;  // per gateway: the plugins to call
};

}  // namespace askr::plugin

// The SDK's opaque objects name the plugin whose step is running.
struct askr_registrar {
  askr::plugin::ActivePlugin& plugin;
};
struct askr_shm_plan {
  askr::plugin::ActivePlugin& plugin;
};
