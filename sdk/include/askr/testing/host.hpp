// The fake host itself. Its functions for the plugin are in interfaces.hpp.
#pragma once

#include <sys/mman.h>

#include <cstdlib>
#include <deque>
#include <stdexcept>
#include <variant>

#include "askr/testing/exchange.hpp"

// The SDK's opaque objects are nothing here.
struct askr_registrar {};
struct askr_shm_plan {};

namespace askr::testing {

using Options = std::map<std::string, std::string>;
using Value = std::variant<std::monostate, bool, int64_t, double, std::string, std::function<void()>>;

// The figures of askr_workers, as a test wants them: one worker, which rests.
struct Workers {
  askr_workers_state state{sizeof(askr_workers_state), 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0};
  uint32_t idle = 1;  // the answer of askr_workers.idle
};

// What a callable may do in a test beside returning and throwing std::exception.
struct Exit {};
struct FatalError {
  std::string message;
};
struct TookTooLong {};

}  // namespace askr::testing

struct askr_callable {
  std::function<void()> function;
};
struct askr_php_call {
  std::vector<askr::testing::Value> arguments;
  askr::testing::Value result;
  std::deque<std::string> buffers;
};

namespace askr::testing {

class Host {
 public:
  // Runs load, configure, register, shm_request, shm_init, master_start and process_start. Options that are not given
  // have their defaults. Throws std::runtime_error when a step fails or an option does not exist.
  explicit Host(const askr_descriptor& descriptor, const Options& options = {}, askr_role role = ASKR_ROLE_GATEWAY,
                const Workers& workers = {});
  // Runs drain, process_stop and master_stop.
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // --- requests
  Arrival arrival;  // of those that are sent from now on
  Answer get(const std::string& target, const Fields& headers = {}, const Upstream& upstream = {}) {
    return send("GET", target, headers, {}, upstream);
  }
  Answer send(const std::string& method, const std::string& target, const Fields& headers = {},
              const std::string& body = {}, const Upstream& upstream = {});
  // The answer of a request that was suspended, once it was resumed; nullopt before. Forgets it.
  std::optional<Answer> finished(uint64_t id);
  // The client of a suspended request goes away.
  void client_leaves(uint64_t id);
  [[nodiscard]] size_t suspended() const { return exchanges_.size(); }
  // The connection hook: is this client let in?
  bool connects(const std::string& address);

  // --- time, wake-ups, commands
  // Lets `nanoseconds` pass: timers fire, resumed requests go on.
  void pass(int64_t nanoseconds);
  // One turn of the loop: each work of the plugin (askr_loop.add_work) does a step. Requests are sent in as many turns
  // as they need.
  void turn();
  [[nodiscard]] unsigned steps() const { return steps_; }
  void wake();
  void drain();                                            // the server begins to stop
  [[nodiscard]] unsigned wakes() const { return wakes_; }  // asked for by the plugin
  // A request was queued and no worker was there for it; workers().state says how many wait and for how long.
  void wait();
  [[nodiscard]] Workers& workers() { return workers_; }  // set_target changes its state.target and nothing else
  std::pair<askr_status, std::string> command(const std::string& name, const std::vector<std::string>& arguments);

  // --- PHP, as in a worker
  void begin_request();
  Value call(const std::string& function, std::vector<Value> arguments);
  // The hooks of request_end. Callables that were not released are counted by leftovers().
  void end_request();
  [[nodiscard]] size_t leftovers() const { return callables_.size(); }

  // --- what the plugin has done
  [[nodiscard]] const std::vector<std::string>& log() const { return log_; }
  [[nodiscard]] bool logged(std::string_view part) const;
  [[nodiscard]] int64_t metric(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& repeated() const { return repeated_; }  // targets; they are not run
  [[nodiscard]] unsigned stale_calls() const { return stale_calls_; }
  [[nodiscard]] size_t timers() const { return timers_.size(); }

 private:
  friend struct Interfaces;
  struct Timer {
    int64_t deadline;
    void (*callback)(void*);
    void* context;
  };
  struct Metric {
    std::string name;
    int64_t value = 0;
  };
  struct Region {
    void* memory;
    uint64_t bytes;
    uint32_t writers;
  };

  void step(const char* name, askr_status status);
  askr_status add_region(const char* name, uint64_t bytes, uint32_t writers);
  void protect_regions(askr_role role);
  void read_options(const Options& options);
  void run(Exchange& exchange);
  bool run_phase(Exchange& exchange, uint32_t phase);
  void answer(Exchange& exchange);
  void read_response(Exchange& exchange);
  void finish(Exchange& exchange);
  void send_body(Exchange& exchange);
  askr_status pass_on(Exchange& exchange, size_t filter, std::string_view bytes, uint32_t flags);
  void destroy(Exchange& exchange);
  void settle();
  Exchange* find_exchange(askr_request request);

  static Host*& current() {
    static Host* host = nullptr;
    return host;
  }

  askr_host interface_{};
  askr_configuration configuration_{};
  const askr_descriptor& descriptor_;
  void* self_ = nullptr;
  std::string error_;
  std::map<std::string, std::string> texts_;
  std::map<std::string, int64_t> numbers_;
  std::map<std::string, std::vector<std::string>> lists_;
  std::map<uint32_t, askr_hook> hooks_;
  askr_connection_hook connection_hook_ = nullptr;
  askr_request_body_hook body_hook_ = nullptr;
  void (*on_wake_)(void*) = nullptr;
  void (*on_wait_)(void*) = nullptr;
  Workers workers_;
  std::vector<void (*)(void*)> request_slots_, connection_slots_;
  std::map<std::string, Region> regions_;
  std::vector<const askr_php_function*> functions_;
  std::vector<const askr_command*> commands_;
  std::map<std::string, std::pair<const void*, void*>> services_;
  std::vector<Metric> metrics_;
  std::vector<std::string> log_, repeated_;
  std::map<uint64_t, Timer> timers_;
  std::map<uint64_t, std::pair<int32_t (*)(void*), void*>> work_;
  std::map<uint64_t, std::unique_ptr<Exchange>> exchanges_;
  std::map<uint64_t, Answer> answers_;
  std::vector<std::unique_ptr<askr_callable>> callables_;
  uint64_t last_id_ = 0;
  int64_t now_ = 1'000'000'000;
  unsigned wakes_ = 0, stale_calls_ = 0, steps_ = 0;
  bool in_request_ = false, ending_ = false;
};

}  // namespace askr::testing

#include "askr/testing/interfaces.hpp"
#include "askr/testing/run.hpp"
