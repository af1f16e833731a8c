// The master: forks, supervises, reloads, stops. It parses nothing that came over the network and runs no PHP.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/account.hpp"
#include "base/event_loop.hpp"
#include "config/settings.hpp"
#include "exchange/audit.hpp"
#include "exchange/exchange.hpp"
#include "gateway/access_log.hpp"
#include "gateway/listener.hpp"
#include "process/alarms.hpp"
#include "process/control_server.hpp"
#include "process/deployment.hpp"
#include "process/plugin_crashes.hpp"
#include "process/respawn_policy.hpp"
#include "process/serve.hpp"
#include "process/upload_folder.hpp"

namespace askr::process {

struct MasterOptions {
  const config::Settings& settings;
  exchange::Exchange& exchange;
  std::vector<gateway::Listener>& listeners;
  plugin::Host& plugins;
  const UploadFolder& uploads;
  const Account* account = nullptr;  // what all other processes run as; nullptr: as this one
  gateway::AccessLog* access_log = nullptr;
  const std::function<void(const StartReport&)>& on_ready;
};

class Master {
 public:
  static Result<std::unique_ptr<Master>> create(const MasterOptions& options);
  ~Master();

  // Starts everything and runs until the server has stopped. Returns the exit code.
  int run();

 private:
  enum class Phase : uint8_t { starting, serving, draining, ending };

  Master(const MasterOptions& options, EventLoop loop);
  Result<> prepare();
  void turn();
  void look_around();

  // --- gateways
  void start_serving();
  void start_gateway(unsigned index);
  void on_gateway_exit(Child& child, int status);
  void check_gateways();
  void note_crash(unsigned gateway, uint32_t plugin, bool did_not_return);
  [[nodiscard]] std::string plugin_name(uint32_t place) const;  // index + 1, as in the process table
  void close_in_child();
  void close_own_descriptors();

  // --- requests from outside
  void on_signal(uint32_t number);
  void reopen_logs();
  void on_command(const std::string& command, const ControlServer::Reply& reply);
  void run_command(const std::string& command, const ControlServer::Reply& reply);
  void run_plugin_command(const std::string& json, const ControlServer::Reply& reply);
  void end_overdue_workers();
  void watch_leaving();
  void look_at_leaving();
  void end_lost_worker(exchange::ProcessRecord& worker);
  void watch_exchange();
  void audit_exchange();
  void set_state(exchange::ProcessState state);
  void stop();
  void stop_workers();
  void kill_all();
  void fail(const Error& why);
  void report_ready();

  // Something with a descriptor that has no state of its own.
  struct Callback final : Watcher {
    std::function<void()> action;
    void on_ready(uint32_t /*events*/) override { action(); }
  };

  MasterOptions options_;
  EventLoop loop_;
  Alarms alarms_;
  SidecarOutput sidecar_output_;
  SidecarGuard sidecar_guard_;
  GenerationHost host_;
  ControlServer control_;
  UniqueFd signals_;
  Callback signal_watcher_, event_watcher_, php_event_watcher_;
  const int64_t started_;
  Phase phase_ = Phase::starting;
  int exit_code_ = 0;

  Deployment deployment_;
  std::vector<std::unique_ptr<Child>> gateways_;  // by index; nullptr while dead
  std::vector<bool> gateway_ready_;
  RespawnPolicy gateway_policy_;
  PluginCrashes plugin_crashes_;
  bool reported_ = false;
  exchange::Audit audit_;
  bool watches_leaving_ = false;
  bool watches_exchange_ = false;
  bool has_orphans_ = false;  // perhaps some that have ended
};

}  // namespace askr::process
