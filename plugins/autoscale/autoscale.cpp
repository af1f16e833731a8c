// autoscale: as many workers as the load needs, between server.workers_min and server.workers_max.
//
// What to do is decided in policy.hpp; this file asks for the figures at the right moments and carries out what comes
// of them. Nothing polls while nothing happens: a request that found no idle worker arms a timer, and as long as there
// are more workers than the minimum a second one looks for those that rest. At the minimum, with an empty queue, there
// is no timer.
//
// Each gateway decides for itself, from the same shared figures. No leader that could die, and nothing to hand over.
#include "policy.hpp"

#include <algorithm>

#include "askr/sdk.hpp"

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMillisecond = 1'000'000;

// How soon a gateway looks again when it could do nothing: there are as many workers as there may be, or as there is
// memory for. And how often it says so of memory.
constexpr int64_t kFullPause = 100 * kMillisecond;
constexpr int64_t kScarcePause = kSecond;
constexpr int64_t kWarnEvery = 60 * kSecond;

// An age is noticed this much of itself too late.
constexpr int64_t kIdleChecks = 4;

constexpr const char* kActivatedBy[] = {"server.workers_min", "server.workers_max", nullptr};

class Autoscale : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = "autoscale",
                                   .version = "0.1.0",
                                   .summary = "As many workers as the load needs, between workers_min and workers_max",
                                   .activation = ASKR_ACTIVE_WHEN_SET,
                                   .abi_minimum = 3,
                                   .activated_by = kActivatedBy};
  static constexpr askr_option options[] = {
      askr::option::duration("autoscale.queue_wait", "--autoscale-queue-wait", "T",
                             "Add workers when a request has waited that long for one", "10ms", kMillisecond,
                             60 * kSecond),
      askr::option::duration("autoscale.idle", "--autoscale-idle", "T",
                             "End workers that had nothing to do for that long", "10s", 100 * kMillisecond,
                             86400 * kSecond),
      askr::option::number("autoscale.memory", "--autoscale-memory", "PERCENT",
                           "Add no worker that would take the memory in use above this share of the limit", "90", 1,
                           100)};

  askr::Result<> configure(const askr::Configuration& configuration) {
    limits_.queue_wait = configuration.duration("autoscale.queue_wait");
    limits_.idle = configuration.duration("autoscale.idle");
    limits_.memory_percent = static_cast<unsigned>(configuration.number("autoscale.memory"));
    return {};
  }
  askr::Result<> register_(askr::Registrar registrar);
  askr::Result<> process_start(const askr_process& process);
  void drain();

  void on_wait();

 private:
  // One timer of this gateway, armed or not.
  struct Timer {
    uint64_t id = 0;
    bool armed = false;
  };

  void arm(Timer& timer, int64_t delay, void (*callback)(void* self));
  static void disarm(Timer& timer);
  void watch_queue(int64_t delay);
  void check_queue();
  void check_idle();
  void watch_idle(const askr_workers_state& seen);
  void warn(const std::string& why);
  void carry_out(askr_workers_state& seen, const autoscale::Decision& decision);

  autoscale::Limits limits_;

  // --- of this gateway
  Timer queue_timer_, idle_timer_;
  int64_t warned_at_ = 0;
  bool draining_ = false;

  askr::Metric grown_, shrunk_, target_;
};

const askr::detail::Api& api() {
  return askr::api();
}

bool read(askr_workers_state& seen) {
  seen.size = sizeof seen;
  return api().workers->read(&seen) == ASKR_OK;
}

// ---------------------------------------------------------------- moments

// The gateway that has looked after idle workers may have died, and this one be in its place.
askr::Result<> Autoscale::process_start(const askr_process& process) {
  if (process.role != ASKR_ROLE_GATEWAY) return {};
  askr_workers_state seen{};
  if (!read(seen)) return askr::Error{ASKR_E_UNSUPPORTED, "the server does not tell of its workers"};
  target_.set(seen.target);
  watch_idle(seen);
  return {};
}

void Autoscale::on_wait() {
  watch_queue(limits_.queue_wait);
}

void Autoscale::check_queue() {
  queue_timer_.armed = false;
  askr_workers_state seen{};
  if (!read(seen) || seen.waiting == 0) return;
  const autoscale::Decision decision = autoscale::grow(seen, limits_);
  carry_out(seen, decision);
  watch_idle(seen);
  if (!decision.held_back.empty()) warn(decision.held_back);
  int64_t pause = limits_.queue_wait;
  if (seen.oldest_wait < pause) pause -= seen.oldest_wait;
  if (decision.target == seen.maximum) pause = std::max(pause, kFullPause);
  if (!decision.held_back.empty()) pause = std::max(pause, kScarcePause);
  watch_queue(pause);
}

void Autoscale::watch_queue(int64_t delay) {
  if (queue_timer_.armed || draining_) return;
  arm(queue_timer_, delay, [](void* self) { static_cast<Autoscale*>(self)->check_queue(); });
}

void Autoscale::check_idle() {
  idle_timer_.armed = false;
  askr_workers_state seen{};
  if (!read(seen)) return;
  carry_out(seen, autoscale::shrink(seen, api().workers->idle(limits_.idle), limits_));
  watch_idle(seen);
}

void Autoscale::watch_idle(const askr_workers_state& seen) {
  if (idle_timer_.armed || draining_ || seen.target <= seen.minimum) return;
  arm(idle_timer_, limits_.idle / kIdleChecks, [](void* self) { static_cast<Autoscale*>(self)->check_idle(); });
}

void Autoscale::drain() {
  draining_ = true;
  disarm(queue_timer_);
  disarm(idle_timer_);
}

// ---------------------------------------------------------------- deeds

// `seen` has the new target then.
void Autoscale::carry_out(askr_workers_state& seen, const autoscale::Decision& decision) {
  if (decision.target == seen.target) return;
  if (api().workers->set_target(api().host, decision.target) != ASKR_OK) return;
  askr::log::info(decision.why);
  target_.set(decision.target);
  if (decision.target > seen.target) {
    grown_.increment(decision.target - seen.target);
  } else {
    shrunk_.increment(seen.target - decision.target);
  }
  seen.target = decision.target;
}

void Autoscale::warn(const std::string& why) {
  const int64_t now = api().loop->now();
  if (warned_at_ != 0 && now - warned_at_ < kWarnEvery) return;
  warned_at_ = now;
  askr::log::warning(why);
}

void Autoscale::arm(Timer& timer, int64_t delay, void (*callback)(void* self)) {
  timer.armed = api().loop->set_timer(api().host, delay, callback, this, &timer.id) == ASKR_OK;
}

void Autoscale::disarm(Timer& timer) {
  if (timer.armed) api().loop->cancel_timer(api().host, timer.id);
  timer.armed = false;
}

// ---------------------------------------------------------------- registration

askr::Result<> Autoscale::register_(askr::Registrar registrar) {
  if (auto added = grown_.add(registrar, ASKR_METRIC_COUNTER, "askr_autoscale_grown_total", "Workers added"); !added) {
    return added;
  }
  if (auto added = shrunk_.add(registrar, ASKR_METRIC_COUNTER, "askr_autoscale_shrunk_total", "Workers taken back");
      !added) {
    return added;
  }
  return target_.add(registrar, ASKR_METRIC_GAUGE, "askr_workers_target", "How many workers there shall be");
}

}  // namespace

ASKR_PLUGIN(Autoscale)
