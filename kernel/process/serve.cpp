#include "process/serve.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "base/log.hpp"
#include "config/account.hpp"
#include "config/control_path.hpp"
#include "exchange/exchange.hpp"
#include "gateway/access_log.hpp"
#include "gateway/listener.hpp"
#include "gateway/spool_file.hpp"
#include "php/plugin_interface.hpp"
#include "process/master.hpp"
#include "process/sidecars.hpp"
#include "process/spawn.hpp"
#include "process/upload_folder.hpp"

#include <fmt/core.h>

namespace askr::process {
namespace {

constexpr rlim_t kFewestDescriptors = 128;

// Uses what the hard limit allows: every client costs a descriptor.
Result<> raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max >= kFewestDescriptors) return ok();
  return Error{fmt::format("too few file descriptors: {} allowed, at least {} needed (ulimit -n, LimitNOFILE=)",
                           limit.rlim_max, kFewestDescriptors)};
}

// A file that has reached the limit on its size (ulimit -f, LimitFSIZE=) is as a full disk: the write fails. A handler
// that does nothing, as programs that PHP starts get the default back.
void survive_file_size_limit() {
  handle_signal(SIGXFSZ, [](int /*signal*/) {});
}

Result<int> run(const ServerPlan& plan, const std::function<void(const StartReport&)>& on_ready) {
  const config::Settings& settings = plan.loaded.settings;
  const config::ServerSettings& server = settings.server;
  survive_file_size_limit();
  ASKR_TRY(raise_descriptor_limit());
  const std::optional<Account> found = ASKR_TRY(config::find_account(plan.loaded));
  const Account* account = found ? &*found : nullptr;
  ASKR_TRY(check_spool(server.spool_dir, account));
  std::vector<gateway::Listener> listeners =
      ASKR_TRY(gateway::bind_listeners(server, account != nullptr ? std::optional(account->group) : std::nullopt));
  ASKR_TRY(log::open(server.error_log, ASKR_TRY(log::parse_level(server.log_level)), account));
  log::set_speaker("master");
  std::unique_ptr<gateway::AccessLog> access_log;
  if (!server.access_log.empty()) {
    access_log = ASKR_TRY(gateway::AccessLog::open(server.access_log, account));
  }

  const exchange::ExchangeOptions options = exchange_options(settings);
  const std::unique_ptr<plugin::Host> plugins = ASKR_TRY(make_host(plan));
  arena::Arena arena = ASKR_TRY(arena::Arena::create(all_regions(settings, *plugins)));
  exchange::Exchange exchange = ASKR_TRY(exchange::Exchange::create(arena, options));
  const log::Following following(exchange.global().log_reopened);
  ASKR_TRY(plugins->share(arena, exchange, account));
  const std::unique_ptr<UploadFolder> uploads = ASKR_TRY(UploadFolder::create(server.spool_dir, account));
  std::unique_ptr<Master> master = ASKR_TRY(
      Master::create({settings, exchange, listeners, *plugins, *uploads, account, access_log.get(), on_ready}));
  const int code = master->run();
  plugins->stop_master();
  gateway::remove_unix_sockets(listeners);
  return code;
}

}  // namespace

Result<> check_spool(const std::string& folder, const Account* account) {
  const ActingAs acting(account);
  gateway::Spool spool(folder);
  const std::unique_ptr<gateway::SpoolFile> file = ASKR_TRY(gateway::SpoolFile::create(spool));
  if (auto written = file->append("askr"); !written) {
    return Error{"spool folder " + folder + ": " + written.error().message + " (see server.spool_dir)"};
  }
  return ok();
}

exchange::ExchangeOptions exchange_options(const config::Settings& settings) {
  return {settings.server.gateways, settings.server.workers_max, settings.server.queue_size,
          Sidecars::records(settings), settings.server.spares};
}

std::vector<arena::Region> all_regions(const config::Settings& settings, const plugin::Host& plugins) {
  std::vector<arena::Region> regions = exchange::Exchange::regions(exchange_options(settings));
  for (arena::Region& region : plugins.regions(settings.server.gateways)) regions.push_back(std::move(region));
  return regions;
}

Result<std::unique_ptr<plugin::Host>> make_host(const ServerPlan& plan) {
  return plugin::Host::create(plan.plugins, plan.loaded, php::php_interface());
}

int serve(const ServerPlan& plan, const std::function<void(const StartReport&)>& on_ready) {
  auto code = run(plan, on_ready);
  if (code) return code.value();
  log::error("{}", code.error().message);
  return code.error().exit_code;
}

std::string control_path(const config::Settings& settings) {
  return config::control_path(settings);
}

}  // namespace askr::process
