// The server as a whole: what `askr serve` runs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/account.hpp"
#include "config/load.hpp"
#include "exchange/exchange.hpp"
#include "plugin/host.hpp"

namespace askr::process {

// What the start prints once the first workers are ready, before any client is accepted.
struct StartReport {
  std::string php_version;
  bool opcache_installed = false, opcache_enabled = false, jit_enabled = false;
  unsigned preloaded_classes = 0;
  bool has_front = true;  // there is a front controller, or a worker script
  unsigned workers = 0, gateways = 0;
  std::vector<std::string> urls;
  std::vector<std::string> plugins;
  std::vector<std::string> warnings;
  int64_t boot_ns = 0;
};

// Settings, and the plugins that are active with them.
struct ServerPlan {
  config::Loaded loaded;
  std::vector<const plugin::Library*> plugins;  // in the order of their lifecycle
};

// Runs the server in this process (the master) until it is told to stop. `on_ready` prints the banner.
// Returns the exit code; errors were written as one line to standard error.
int serve(const ServerPlan& plan, const std::function<void(const StartReport&)>& on_ready);

// A full or missing spool folder is found at the start, not by the first large upload. `account`: who will use it,
// unless it is this process itself.
Result<> check_spool(const std::string& folder, const Account* account);

// Loads the plugins as far as they can be without shared memory.
Result<std::unique_ptr<plugin::Host>> make_host(const ServerPlan& plan);

// How large the shared memory of a server with these settings is laid out.
exchange::ExchangeOptions exchange_options(const config::Settings& settings);
std::vector<arena::Region> all_regions(const config::Settings& settings, const plugin::Host& plugins);

// Where a server with these settings listens for `askr status` and `askr reload`.
std::string control_path(const config::Settings& settings);

}  // namespace askr::process
