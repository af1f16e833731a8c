#include "process/master.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <fmt/core.h>

#include <algorithm>
#include <exception>

#include "base/file_access.hpp"
#include "base/log.hpp"
#include "gateway/gateway.hpp"
#include "gateway/kernel_plugins.hpp"
#include "process/json_line.hpp"
#include "process/last_resort.hpp"
#include "process/orphans.hpp"
#include "process/spawn.hpp"
#include "process/status.hpp"
#include "process/title.hpp"

namespace askr::process {
namespace {

// In a gateway whose master has died: it finishes what it has, as at SIGTERM, if its loop comes to it in time.
void on_master_gone(int /*signal*/) {
  start_last_resort();
  ::raise(SIGTERM);
}

}  // namespace

Result<std::unique_ptr<Master>> Master::create(const MasterOptions& options) {
  EventLoop loop = ASKR_TRY(EventLoop::create());
  std::unique_ptr<Master> master(new Master(options, std::move(loop)));
  ASKR_TRY(master->prepare());
  return master;
}

Master::Master(const MasterOptions& options, EventLoop loop)
    : options_(options),
      loop_(std::move(loop)),
      sidecar_output_(loop_, alarms_),
      sidecar_guard_(loop_, alarms_, options.account, options.settings.server.shutdown_timeout),
      host_{options.settings, options.exchange, loop_,           alarms_,        options.plugins,
            options.uploads,  options.account,  sidecar_output_, sidecar_guard_, [this] { close_in_child(); }},
      control_(loop_, alarms_,
               [this](const std::string& command, const ControlServer::Reply& reply) { on_command(command, reply); }),
      started_(monotonic_now()),
      deployment_(host_, {[this] { start_serving(); }, [this](const Error& why) { fail(why); }}),
      gateways_(options.settings.server.gateways),
      gateway_ready_(options.settings.server.gateways),
      audit_(options.exchange) {}

Master::~Master() = default;

Result<> Master::prepare() {
  ASKR_TRY(control_.open(control_path(options_.settings)));
  options_.exchange.gateway_words().worker_target = options_.settings.server.workers;

  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&set, number);
  if (inherits_orphans()) sigaddset(&set, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  signals_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals_) return system_error("cannot make a signalfd");
  signal_watcher_.action = [this] {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) on_signal(info.ssi_signo);
  };
  ASKR_TRY(loop_.add(signals_.get(), EPOLLIN, signal_watcher_));

  const exchange::Doorbell& bell = options_.exchange.master_bell();
  event_watcher_.action = [this] { look_around(); };
  php_event_watcher_.action = [this, &bell] {
    bell.answer_php();
    look_around();
  };
  ASKR_TRY(loop_.add(bell.own_side(), EPOLLIN | EPOLLET, event_watcher_));
  ASKR_TRY(loop_.add(bell.php_side(), EPOLLIN, php_event_watcher_));

  exchange::Assignment& own = options_.exchange.assignments()[options_.exchange.master_record()];
  own.role = exchange::Role::master;
  own.pid = ::getpid();
  own.started = started_;
  set_state(exchange::ProcessState::starting);
  return ok();
}

int Master::run() {
  set_title("askr: master");
  if (auto booted = deployment_.start(); !booted) {
    log::error("{}", booted.error().message);
    return booted.error().exit_code;
  }
  const auto finished = [this] {
    const bool no_gateway = std::all_of(gateways_.begin(), gateways_.end(), [](const auto& child) { return !child; });
    return phase_ == Phase::ending && no_gateway && deployment_.empty();
  };
  while (!finished()) turn();
  return exit_code_;
}

void Master::turn() {
  loop_.wait(alarms_.until_next(monotonic_now()));
  loop_.dispatch();
  alarms_.run_due(monotonic_now());
  deployment_.discard_ended();
  // One of ours that is in the way is waited for in the next turn.
  if (has_orphans_) has_orphans_ = reap_orphans(options_.exchange, sidecar_guard_.pid()) == Orphans::ask_again;
}

// Somebody has rung.
void Master::look_around() {
  deployment_.look();
  check_gateways();
  end_overdue_workers();
  watch_leaving();
  watch_exchange();
}

// ---------------------------------------------------------------- gateways

void Master::start_serving() {
  if (auto listening = gateway::start_listening(options_.listeners); !listening) {
    fail(listening.error());
    return;
  }
  phase_ = Phase::serving;
  for (unsigned index = 0; index < gateways_.size(); ++index) start_gateway(index);
}

void Master::start_gateway(unsigned index) {
  const pid_t master = ::getpid();
  exchange::ProcessRecord& record = options_.exchange.records()[options_.exchange.gateway_record(index)];
  exchange::Assignment& assignment = options_.exchange.assigned(record);
  assignment.role = exchange::Role::gateway;
  assignment.index = index;
  assignment.started = monotonic_now();
  record.state = exchange::ProcessState::starting;
  options_.exchange.sleep(options_.exchange.gateway_record(index)).sleeping = 0;
  record.connections = 0;
  record.spooled = record.shed = 0;
  record.requests = 0;
  record.ready = 0;
  record.crashed_in = record.blocked_in = record.did_not_return = 0;
  gateway_ready_[index] = false;
  const pid_t pid = ::fork();
  if (pid == 0) {
    become(options_.account);
    prepare_last_resort(options_.settings.server.shutdown_timeout);
    handle_signal(SIGRTMIN + 1, on_master_gone);
    settle_child(master, SIGRTMIN + 1);
    options_.exchange.enter(exchange::Role::gateway);
    log::settle_child();
    if (options_.access_log != nullptr) options_.access_log->settle_child();
    close_own_descriptors();
    set_title("askr: gateway " + std::to_string(index));
    log::set_speaker("gateway " + std::to_string(index));
    ::_exit(gateway::run_gateway(
        {options_.settings, options_.exchange, index, options_.listeners, options_.plugins, options_.access_log}));
  }
  if (pid < 0) {
    fail(system_error("cannot fork a gateway"));
    return;
  }
  assignment.pid = pid;
  gateways_[index] = std::make_unique<Child>(
      loop_, pid, ChildIdentity{exchange::Role::gateway, options_.exchange.gateway_record(index), 0},
      [this](Child& child, int status) { on_gateway_exit(child, status); });
}

void Master::check_gateways() {
  for (unsigned index = 0; index < gateways_.size(); ++index) {
    auto& record = options_.exchange.records()[options_.exchange.gateway_record(index)];
    if (const uint32_t blocked_in = record.blocked_in.exchange(0); blocked_in != 0) {
      log::warning("plugin {} has blocked the event loop of gateway {} for more than 100 ms", plugin_name(blocked_in),
                   index);
    }
    if (gateway_ready_[index] || record.ready.load() == 0) continue;
    gateway_ready_[index] = true;
    gateway_policy_.on_ready();
  }
  if (reported_ || phase_ != Phase::serving) return;
  if (!std::all_of(gateway_ready_.begin(), gateway_ready_.end(), [](bool ready) { return ready; })) return;
  reported_ = true;
  report_ready();
}

void Master::on_gateway_exit(Child& child, int status) {
  const unsigned index = child.identity().record - options_.exchange.gateway_record(0);
  exchange::ProcessRecord& record = options_.exchange.records()[child.identity().record];
  const bool was_ready = record.ready.load() != 0;
  const pid_t pid = child.pid();
  options_.exchange.assigned(record).pid = 0;
  record.spooled = 0;
  record.state = exchange::ProcessState::none;
  gateways_[index].reset();
  if (phase_ == Phase::draining || phase_ == Phase::ending) {
    stop_workers();
    return;
  }
  log::error("gateway {} (pid {}) {}; its connections are closed, the others go on", index, pid,
             describe_status(status));
  const bool did_not_return = record.did_not_return.exchange(0) != 0;
  note_crash(index, record.crashed_in.exchange(0), did_not_return);
  const int64_t delay = gateway_policy_.on_death(was_ready);
  if (delay < 0) {
    fail({"gateways died " + std::to_string(RespawnPolicy::kGiveUp) + " times in a row before they were ready"});
    return;
  }
  alarms_.at(monotonic_now() + delay, [this, index] {
    if (phase_ == Phase::serving && !gateways_[index]) start_gateway(index);
  });
}

std::string Master::plugin_name(uint32_t place) const {
  const auto& plugins = options_.plugins.plugins();
  return place == 0 || place > plugins.size() ? "?" : std::string(plugins[place - 1]->id());
}

// A plugin in which gateways die again and again is taken out, so that the site stays up.
void Master::note_crash(unsigned gateway, uint32_t plugin, bool did_not_return) {
  if (plugin == 0) return;
  const std::string name = plugin_name(plugin);
  const size_t crashes = plugin_crashes_.add(plugin, monotonic_now());
  log::error("gateway {} {} plugin {} ({} times within a minute)", gateway,
             did_not_return ? fmt::format("was ended after {:g} s (plugins.hook_timeout) inside",
                                          static_cast<double>(options_.settings.plugins.hook_timeout) / kSecond)
                            : "died inside",
             name, crashes);
  if (crashes < PluginCrashes::kAllowed || options_.settings.plugins.is_required(name)) return;
  log::error(
      "plugin {} IS TAKEN OUT: gateways died in it {} times within a minute; the server goes on without it "
      "until its next start (plugins.required forbids that)",
      name, crashes);
  options_.exchange.global().dropped_plugins.fetch_or(1ULL << (plugin - 1));
  options_.exchange.poke_all_gateways();
}

// PHP has no business with clients: templates and workers hold no listening socket and no access log. And nothing by
// which they could make the master or a gateway do something: what one process does to a descriptor that it has in
// common with others it does to all of them.
void Master::close_in_child() {
  close_own_descriptors();
  if (options_.access_log != nullptr) options_.access_log->close();
  options_.listeners.clear();
  options_.exchange.leave_to_php();
  deployment_.forget_sockets();
}

// First of all the loop: whoever has it can make the master call what he likes.
void Master::close_own_descriptors() {
  loop_.close();
  signals_.reset();
  control_.forget();
  sidecar_output_.forget();
  sidecar_guard_.close();
}

// ---------------------------------------------------------------- requests from outside

void Master::on_signal(uint32_t number) {
  switch (number) {
    case SIGHUP:
    case SIGUSR2:  // as php-fpm's
      deployment_.reload({});
      break;
    case SIGUSR1:
      reopen_logs();
      break;
    case SIGCHLD:
      has_orphans_ = true;
      break;
    default:
      if (phase_ == Phase::draining || phase_ == Phase::ending) {
        kill_all();
      } else {
        stop();
      }
  }
}

// For all processes: they take what the master has opened. The access log too, although the master writes none.
void Master::reopen_logs() {
  if (options_.access_log != nullptr) {
    if (auto done = options_.access_log->reopen(); !done) log::error("{}", done.error().message);
  }
  log::reopen_for_all(options_.exchange.global().log_reopened);
  options_.exchange.wake_all();
  deployment_.reopen_logs();
}

// Whatever a command stumbles over, it is that command's failure and not the server's.
void Master::on_command(const std::string& command, const ControlServer::Reply& reply) {
  try {
    run_command(command, reply);
  } catch (const std::exception& failure) {
    log::error("the command {} failed: {}", command, failure.what());
    reply(json_line({{"ok", false}, {"message", failure.what()}}));
  }
}

void Master::run_command(const std::string& command, const ControlServer::Reply& reply) {
  if (command == "status") {
    // What another process has in memory is told to its own user; to root not in every container.
    const ActingAs acting(options_.account);
    reply(status_json(options_.settings, options_.exchange, options_.plugins, deployment_.renewals(), started_));
  } else if (command == "reload") {
    deployment_.reload(reply);
  } else if (command.starts_with("[")) {
    run_plugin_command(command, reply);
  } else {
    reply(json_line({{"ok", false}, {"message", "unknown command (status, reload)"}}));
  }
}

// ["cache", "forget-tag", "posts"]: a command of a plugin with its arguments.
void Master::run_plugin_command(const std::string& json, const ControlServer::Reply& reply) {
  const nlohmann::json words = nlohmann::json::parse(json, nullptr, false);
  std::vector<std::string> arguments;
  if (words.is_array()) {
    for (const nlohmann::json& word : words) arguments.push_back(word.is_string() ? word.get<std::string>() : "");
  }
  if (arguments.empty()) {
    reply(json_line({{"exit_code", 2}, {"text", "not a list of words\n"}}));
    return;
  }
  const std::string name = arguments.front();
  arguments.erase(arguments.begin());
  if (!options_.plugins.has_command(name)) {
    nlohmann::json known = nlohmann::json::array();
    for (const auto& plugin : options_.plugins.plugins()) {
      for (const askr_command* command : plugin->commands) known.push_back(command->name);
    }
    reply(json_line({{"commands", known}}));
    return;
  }
  const auto [exit_code, text] = options_.plugins.run_command(name, arguments);
  reply(json_line({{"exit_code", exit_code}, {"text", text}}));
}

void Master::set_state(exchange::ProcessState state) {
  options_.exchange.records()[options_.exchange.master_record()].state = state;
}

void Master::stop() {
  phase_ = Phase::draining;
  deployment_.close();
  set_state(exchange::ProcessState::draining);
  options_.exchange.global().stopping.store(1, std::memory_order_release);
  options_.exchange.poke_all_gateways();
  alarms_.at(monotonic_now() + options_.settings.server.shutdown_timeout, [this] {
    log::warning("requests still run after server.shutdown_timeout; ending them");
    kill_all();
  });
  stop_workers();
}

// Workers are needed until the last gateway has its last response.
void Master::stop_workers() {
  if (std::any_of(gateways_.begin(), gateways_.end(), [](const auto& child) { return child != nullptr; })) return;
  phase_ = Phase::ending;
  deployment_.retire();
}

void Master::kill_all() {
  phase_ = Phase::ending;
  for (const auto& child : gateways_) {
    if (child) child->signal(SIGKILL);
  }
  deployment_.close();
  deployment_.kill();
}

// The server cannot go on.
void Master::fail(const Error& why) {
  log::error("{}", why.message);
  exit_code_ = why.exit_code;
  if (phase_ == Phase::serving) {
    stop();
  } else {
    kill_all();
  }
}

void Master::report_ready() {
  set_state(exchange::ProcessState::idle);
  const php::RuntimeFacts& facts = deployment_.active()->facts();
  StartReport report;
  report.php_version = facts.php_version;
  report.opcache_installed = facts.opcache_installed;
  report.opcache_enabled = facts.opcache_enabled;
  report.jit_enabled = facts.jit_enabled;
  report.preloaded_classes = facts.preloaded_classes;
  report.has_front = options_.settings.worker_mode() ||
                     may_access(options_.settings.server.root + "/" + options_.settings.server.front, F_OK);
  report.workers = options_.settings.server.workers;
  report.gateways = options_.settings.server.gateways;
  for (const config::ListenAddress& address : options_.settings.server.listen) report.urls.push_back(address.url());
  for (const std::string_view plugin : gateway::active_kernel_plugins(options_.settings)) {
    report.plugins.emplace_back(plugin);
  }
  for (const auto& plugin : options_.plugins.plugins()) report.plugins.emplace_back(plugin->id());
  report.warnings = facts.warnings;
  report.boot_ns = monotonic_now() - started_;
  options_.on_ready(report);
}

}  // namespace askr::process
