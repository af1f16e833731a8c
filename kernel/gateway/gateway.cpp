// The turn of a gateway's loop:
//
//   sleep until sockets, a worker or a timer has news -> let every ready socket read and queue requests -> wake workers
//   once for all of them -> look for responses, spinning a little while one is near -> timers -> write the access log
//
// Between "nothing new" and falling asleep the gateway says that it sleeps, so workers poke it only then.
#include "gateway/gateway.hpp"

#include <sys/resource.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "gateway/connection.hpp"
#include "gateway/faults.hpp"
#include "gateway/kernel_plugins.hpp"
#include "pipeline/request_table.hpp"
#include "plugin/gateway_loop.hpp"

namespace askr::gateway {
namespace {

// A response is worth waiting for if PHP usually needs less than a wake-up of this process costs.
constexpr int64_t kSpin = 40 * kMicrosecond;
constexpr unsigned kSpareDescriptors = 64;

// Consumes a signalfd; what it means is looked up once a turn.
class Bell final : public Watcher {
 public:
  explicit Bell(int fd) : fd_(fd) {}
  void on_ready(uint32_t /*events*/) override {
    // Once: with another signal it is ready again.
    rang_ = ::read(fd_, buffer_, sizeof buffer_) > 0 || rang_;
  }
  bool take() { return std::exchange(rang_, false); }
  [[nodiscard]] uint32_t signal() const { return reinterpret_cast<const signalfd_siginfo*>(buffer_)->ssi_signo; }

 private:
  int fd_;
  bool rang_ = false;
  alignas(signalfd_siginfo) char buffer_[sizeof(signalfd_siginfo)] = {};
};

// Somebody has rung. What for is looked up once a turn.
class Poke final : public Watcher {
 public:
  void on_ready(uint32_t /*events*/) override { poked_ = true; }
  bool take() { return std::exchange(poked_, false); }

 private:
  bool poked_ = false;
};

class PokeOfPhp final : public Watcher {
 public:
  PokeOfPhp(const exchange::Doorbell& bell, exchange::GatewayPort& port, Poke& poke)
      : bell_(bell), port_(port), poke_(poke) {}
  void on_ready(uint32_t events) override {
    bell_.answer_php();
    port_.hand_out_bodies();
    poke_.on_ready(events);
  }

 private:
  const exchange::Doorbell& bell_;
  exchange::GatewayPort& port_;
  Poke& poke_;
};

class Gateway {
 public:
  Gateway(const GatewayOptions& options, EventLoop& loop, TrustedProxies proxies)
      : options_(options),
        loop_(loop),
        plugin_loop_(loop),
        state_(options.settings, options.exchange, options.index, loop, pipeline_, std::move(proxies)) {}

  Result<> prepare();
  int run();

 private:
  void turn();
  void wake_workers();
  void wake_workers_for_all();
  void collect_responses();
  void follow_root();
  void follow_dropped_plugins();
  void follow_log();
  void follow_signals();
  void resume_requests();
  void start_repeats();
  void filter_more();
  [[nodiscard]] int64_t until_next_timer() const;
  void begin_stop();
  void make_room();
  void delete_closed();
  void limit_connections();

  const GatewayOptions& options_;
  EventLoop& loop_;
  plugin::GatewayLoop plugin_loop_;
  std::optional<Watchdog> watchdog_;  // only with plugins to watch
  pipeline::Pipeline pipeline_;
  StaticFiles static_files_;
  GatewayState state_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  UniqueFd signals_;
  std::unique_ptr<Bell> signal_bell_;
  const exchange::Doorbell& bell_{options_.exchange.gateway_bell(options_.index)};
  Poke poke_;
  PokeOfPhp poke_of_php_{bell_, state_.port, poke_};
  bool requests_wait_ = false;  // this turn has queued some that no worker could be woken for
  uint32_t log_reopened_ = log::reopenings();
  uint32_t root_version_ = 0;
  uint64_t dropped_plugins_ = 0;
  bool has_no_master_ = false;
};

Result<> Gateway::prepare() {
  static_files_.age_with(state_.timers);
  install_kernel_plugins(options_.settings, static_files_, options_.access_log, pipeline_);
  options_.plugins.install(pipeline_);
  dropped_plugins_ = options_.exchange.global().dropped_plugins.load();
  ASKR_TRY(pipeline_.seal());
  note_crashes(options_.plugins, state_.record);
  if (!options_.plugins.plugins().empty()) {
    watchdog_.emplace(options_.plugins, options_.exchange, state_.record, options_.settings.plugins.hook_timeout);
  }

  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE}) sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  sigdelset(&set, SIGPIPE);
  signals_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals_) return system_error("cannot make a signalfd");
  signal_bell_ = std::make_unique<Bell>(signals_.get());
  ASKR_TRY(loop_.add(signals_.get(), EPOLLIN, *signal_bell_));
  ASKR_TRY(loop_.add(bell_.own_side(), EPOLLIN | EPOLLET, poke_));
  ASKR_TRY(loop_.add(bell_.php_side(), EPOLLIN, poke_of_php_));
  state_.port.hand_out_bodies();

  limit_connections();
  plugin_loop_.set_now(monotonic_now());
  if (watchdog_) watchdog_->begin_turn();
  ASKR_TRY(options_.plugins.start_process({sizeof(askr_process), ASKR_ROLE_GATEWAY, options_.index, 0,
                                           options_.exchange.options().gateways,
                                           options_.exchange.options().workers_of_generation()}));
  if (watchdog_) watchdog_->end_turn();
  for (const Listener& listener : options_.listeners) {
    acceptors_.push_back(std::make_unique<Acceptor>(state_, listener.socket_of(options_.index)));
    acceptors_.back()->start();
  }
  return ok();
}

void Gateway::limit_connections() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  // A connection may need a spool file beside its socket, but few do.
  const size_t allowed = limit.rlim_cur - std::min<size_t>(limit.rlim_cur / 4, kSpareDescriptors);
  const unsigned wanted = options_.settings.server.max_connections;
  state_.max_connections = wanted == 0 ? allowed : std::min<size_t>(allowed, wanted);
}

int Gateway::run() {
  state_.now = monotonic_now();
  follow_root();
  follow_log();
  state_.record.state.store(exchange::ProcessState::idle, std::memory_order_relaxed);
  state_.record.ready.store(1, std::memory_order_release);
  options_.exchange.poke_master();
  // Requests whose clients have gone still run, and may still ask for their bodies. Without a master nobody says of a
  // worker that has died that it has.
  while (!(state_.stopping && state_.connections.empty() && (state_.port.idle() || has_no_master_))) turn();
  delete_closed();
  if (watchdog_) watchdog_->begin_turn();
  options_.plugins.stop_process();
  if (watchdog_) watchdog_->end_turn();
  plugin_loop_.report_leftovers();
  return 0;
}

int64_t Gateway::until_next_timer() const {
  if (!state_.resumed.empty() || !state_.repeats.empty()) return 0;
  if (!state_.filtering.empty() || plugin_loop_.has_work()) return 0;
  const int64_t now = monotonic_now();
  const int64_t own = state_.timers.until_next(now);
  const int64_t of_plugins = plugin_loop_.until_next(now);
  if (own < 0 || of_plugins < 0) return std::max(own, of_plugins);
  return std::min(own, of_plugins);
}

void Gateway::turn() {
  const int64_t sleep = until_next_timer();
  const bool may_sleep = state_.port.prepare_sleep();
  loop_.wait(may_sleep ? sleep : 0);
  state_.port.awake();
  state_.now = monotonic_now();
  plugin_loop_.set_now(state_.now);
  if (watchdog_) watchdog_->begin_turn();
  state_.budget.begin_turn();
  loop_.dispatch();

  if (poke_.take()) {
    follow_root();
    follow_log();
    follow_dropped_plugins();
    options_.plugins.run_wakes(options_.index);
  }
  if (signal_bell_->take()) follow_signals();
  wake_workers();
  if (state_.in_flight > 0 && !state_.port.has_news()) state_.port.spin_for_news(kSpin);
  collect_responses();
  state_.timers.expire(state_.now);
  plugin_loop_.expire(state_.now);
  filter_more();
  plugin_loop_.do_work(state_.budget);
  resume_requests();
  start_repeats();
  if (state_.port.has_news()) {
    wake_workers();
  } else {
    wake_workers_for_all();  // this process may sleep next
  }
  if (std::exchange(requests_wait_, false)) options_.plugins.run_waits();
  if (options_.access_log != nullptr) options_.access_log->flush();
  make_room();
  delete_closed();
  if (watchdog_) watchdog_->end_turn();
}

void Gateway::wake_workers() {
  if (state_.port.wake_ups().wake_needed(monotonic_now()) > 0) requests_wait_ = true;
}

void Gateway::wake_workers_for_all() {
  if (state_.port.wake_ups().wake_all() > 0) requests_wait_ = true;
}

// Those that plugins have resumed; what these resume in turn waits for the next turn.
void Gateway::resume_requests() {
  for (const askr_request request : std::exchange(state_.resumed, {})) {
    const pipeline::Transaction* transaction = pipeline::request_table().find(request);
    if (transaction != nullptr) static_cast<Connection*>(transaction->driver)->go_on();
  }
}

// Responses whose filters were not through when an earlier turn had no time left. The oldest goes on in any case.
void Gateway::filter_more() {
  for (size_t waiting = state_.filtering.size(); waiting > 0; --waiting) {
    const askr_request request = state_.filtering.front();
    state_.filtering.pop_front();
    const pipeline::Transaction* transaction = pipeline::request_table().find(request);
    if (transaction != nullptr) static_cast<Connection*>(transaction->driver)->filter_more();
    if (state_.budget.is_spent()) return;
  }
}

void Gateway::start_repeats() {
  for (Repeat& repeat : std::exchange(state_.repeats, {})) {
    if (state_.stopping) return;
    Connection::accept(state_, make_background_transport(std::move(repeat.head)), std::move(repeat.endpoint));
  }
}

// The master has taken plugins out that kept crashing. Suspended requests hold positions in the pipeline as it was.
void Gateway::follow_dropped_plugins() {
  const uint64_t dropped = options_.exchange.global().dropped_plugins.load();
  if (dropped == dropped_plugins_) return;
  const std::vector<Connection*> open = state_.connections;
  for (Connection* connection : open) connection->on_plugin_dropped();
  for (const auto& plugin : options_.plugins.plugins()) {
    if (((dropped & ~dropped_plugins_) >> plugin->index & 1) == 0) continue;
    pipeline_.drop(plugin->id());
    plugin_loop_.forget(*plugin);
  }
  dropped_plugins_ = dropped;
}

void Gateway::collect_responses() {
  if (!state_.port.has_news()) return;
  state_.now = monotonic_now();
  state_.port.drain([this](uint32_t slot) {
    Connection* connection = state_.by_slot[slot - state_.first_slot];
    if (connection != nullptr) {
      connection->on_news();
    } else {
      state_.stragglers.abandon(slot);
    }
  });
}

// A reload has changed the document root, or the server stops.
void Gateway::follow_root() {
  const exchange::Global& global = options_.exchange.global();
  const uint32_t version = global.root_version.load(std::memory_order_acquire);
  if (version != root_version_) {
    root_version_ = version;
    state_.root.path = global.root;
    static_files_.clear_cache();
    state_.record.root_version.store(version, std::memory_order_release);
    options_.exchange.poke_master();
  }
  if (global.stopping.load(std::memory_order_acquire) != 0) begin_stop();
}

void Gateway::follow_log() {
  log::reopen_if_asked();
  if (std::exchange(log_reopened_, log::reopenings()) == log::reopenings() || options_.access_log == nullptr) return;
  options_.access_log->follow();
}

// The kernel sends TERM when the master has died. A terminal's signals are for the master.
void Gateway::follow_signals() {
  if (signal_bell_->signal() != SIGTERM) return;
  has_no_master_ = true;
  begin_stop();
}

void Gateway::begin_stop() {
  if (state_.stopping) return;
  state_.stopping = true;
  state_.record.state.store(exchange::ProcessState::draining, std::memory_order_relaxed);
  options_.plugins.drain();
  for (auto& acceptor : acceptors_) acceptor->close();
  const std::vector<Connection*> open = state_.connections;
  for (Connection* connection : open) connection->on_stopping();
}

// Who has been idle longest leaves for a client that waits. At the end of the turn, when all that clients have sent by
// its beginning was read: a request that has come already is not lost with its connection.
void Gateway::make_room() {
  if (state_.clients_wait && state_.closed.empty()) state_.timers.expire_first(Timeout::idle);
}

void Gateway::delete_closed() {
  if (state_.closed.empty()) return;
  for (Connection* connection : state_.closed) delete connection;
  state_.closed.clear();
  if (state_.stopping) return;
  state_.clients_wait = false;
  for (auto& acceptor : acceptors_) acceptor->start();
}

}  // namespace

int run_gateway(const GatewayOptions& options) {
  auto loop = EventLoop::create();
  auto proxies = TrustedProxies::parse(options.settings.server.trusted_proxies);
  if (!loop || !proxies) {
    log::error("{}", !loop ? loop.error().message : proxies.error().message);
    return 1;
  }
  Gateway gateway(options, loop.value(), std::move(proxies).value());
  if (auto prepared = gateway.prepare(); !prepared) {
    log::error("{}", prepared.error().message);
    return 1;
  }
  return gateway.run();
}

}  // namespace askr::gateway
