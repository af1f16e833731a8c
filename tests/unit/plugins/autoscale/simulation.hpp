// A server that exists as numbers only: clients, a queue, workers, a master that forks and retires. Events happen at
// exact times, so a minute of load takes milliseconds and comes out the same each time.
//
// What is modelled is what the policy can see or cause: a fork takes time, one after the other; a worker runs one
// request at a time; a worker that is told to end finishes its request; the one that woke last is woken first. The
// plugin's moments are modelled as plugins/autoscale/autoscale.cpp has them, for any number of gateways.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "figures.hpp"

namespace autoscale {

struct Server {
  uint32_t minimum = 2, maximum = 64;
  unsigned gateways = 2;
  int64_t service = 50 * kMillisecond;
  int64_t fork = 3 * kMillisecond;
  int64_t boot = 5 * kMillisecond;
  int64_t reaction = kMillisecond / 10;  // of the master, to a new target
  uint64_t worker_memory = 20 * kMegabyte;
  uint64_t memory_limit = 8000 * kMegabyte;
  uint64_t memory_of_others = 1000 * kMegabyte;
};

struct TargetChange {
  int64_t at;
  uint32_t from, to;
};

class Simulation {
 public:
  explicit Simulation(const Server& server) : server_(server), target_(server.minimum), gateways_(server.gateways) {
    for (uint32_t i = 0; i < server.minimum; ++i) workers_.push_back({State::idle});
  }

  // From `at` on, so many clients each ask again as soon as they are answered.
  void clients(int64_t at, unsigned count) {
    schedule(at, [this, count] {
      wanted_clients_ = count;
      while (asking_ < wanted_clients_) ask();
    });
  }

  void run_until(int64_t end) {
    while (!events_.empty() && events_.begin()->first <= end) {
      now_ = events_.begin()->first;
      const auto action = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      action();
      observe();
    }
    now_ = end;
  }

  // --- what came of it
  [[nodiscard]] const std::vector<TargetChange>& changes() const { return changes_; }
  [[nodiscard]] uint32_t target() const { return target_; }
  [[nodiscard]] uint32_t alive() const {
    return count([](const Worker&) { return true; });
  }
  [[nodiscard]] uint32_t ready() const { return count(is_ready); }
  [[nodiscard]] uint32_t most_alive() const { return most_alive_; }
  [[nodiscard]] uint64_t most_memory() const { return most_memory_; }
  [[nodiscard]] int64_t longest_wait(int64_t since) const {
    int64_t longest = 0;
    for (const auto& [at, wait] : waits_) longest = at >= since ? std::max(longest, wait) : longest;
    return longest;
  }
  // When so many workers were ready for the first time after `since`; -1: never.
  [[nodiscard]] int64_t time_of(uint32_t workers, int64_t since) const {
    for (const auto& [at, ready] : ready_at_) {
      if (at >= since && ready >= workers) return at;
    }
    return -1;
  }
  [[nodiscard]] size_t answered() const { return answered_; }
  [[nodiscard]] size_t asked() const { return asked_; }
  [[nodiscard]] size_t busy_retired() const { return busy_retired_; }
  [[nodiscard]] size_t held_back() const { return held_back_; }
  [[nodiscard]] size_t pending_timers() const {
    size_t pending = 0;
    for (const Gateway& gateway : gateways_) pending += (gateway.queue_timer ? 1 : 0) + (gateway.idle_timer ? 1 : 0);
    return pending;
  }
  [[nodiscard]] int64_t now() const { return now_; }

 private:
  enum class State : uint8_t { forking, booting, idle, busy, gone };
  struct Worker {
    State state = State::forking;
    int64_t since = 0;  // of this state
    bool retired = false;
  };
  struct Gateway {
    bool queue_timer = false, idle_timer = false;
  };
  using Action = std::function<void()>;

  static bool is_ready(const Worker& worker) {
    return !worker.retired && (worker.state == State::idle || worker.state == State::busy);
  }
  template <class Condition>
  [[nodiscard]] uint32_t count(Condition&& condition) const {
    return static_cast<uint32_t>(std::count_if(workers_.begin(), workers_.end(), [&](const Worker& worker) {
      return worker.state != State::gone && condition(worker);
    }));
  }
  void schedule(int64_t at, Action action) { events_.emplace(at, std::move(action)); }

  // --- clients and workers
  void ask() {
    ++asking_;
    ++asked_;
    queue_.push_back(now_);
    if (!serve_next()) on_wait(gateways_[asked_ % gateways_.size()]);
  }
  bool serve_next() {
    for (size_t i = 0; i < workers_.size() && !queue_.empty(); ++i) {
      if (workers_[i].state != State::idle || workers_[i].retired) continue;
      take(i);
      return true;
    }
    return false;
  }
  void take(size_t index) {
    waits_.emplace_back(queue_.front(), now_ - queue_.front());
    queue_.pop_front();
    enter(workers_[index], State::busy);
    schedule(now_ + server_.service, [this, index] { finish(index); });
  }
  void finish(size_t index) {
    ++answered_;
    --asking_;
    rest(index);
    if (asking_ < wanted_clients_) ask();
  }
  void rest(size_t index) {
    Worker& worker = workers_[index];
    if (worker.retired) {
      enter(worker, State::gone);
      follow_target();
      return;
    }
    enter(worker, State::idle);
    if (!queue_.empty()) take(index);
  }
  void enter(Worker& worker, State state) const {
    worker.state = state;
    worker.since = now_;
  }

  // --- the master
  void set_target(uint32_t target) {
    changes_.push_back({now_, target_, target});
    target_ = target;
    schedule(now_ + server_.reaction, [this] { follow_target(); });
  }
  void follow_target() {
    const auto stays = [](const Worker& worker) { return !worker.retired; };
    while (count(stays) < target_) spawn();
    for (uint32_t surplus = count(stays); surplus > target_; --surplus) retire_one();
  }
  void spawn() {
    workers_.push_back({State::forking, now_, false});
    const size_t index = workers_.size() - 1;
    forked_until_ = std::max(forked_until_, now_) + server_.fork;
    schedule(forked_until_, [this, index] {
      if (workers_[index].state == State::forking) enter(workers_[index], State::booting);
    });
    schedule(forked_until_ + server_.boot, [this, index] { rest(index); });
  }
  void retire_one() {
    Worker* oldest = nullptr;
    for (Worker& worker : workers_) {
      if (worker.retired || worker.state == State::gone) continue;
      const auto key = [](const Worker& each) { return std::pair(each.state != State::idle, each.since); };
      if (oldest == nullptr || key(worker) < key(*oldest)) oldest = &worker;
    }
    oldest->retired = true;
    if (oldest->state == State::busy) ++busy_retired_;
    if (oldest->state == State::idle) enter(*oldest, State::gone);
  }

  // --- the plugin
  askr_workers_state read() const {
    askr_workers_state state{};
    state.size = sizeof state;
    state.minimum = server_.minimum;
    state.maximum = server_.maximum;
    state.target = target_;
    state.ready = count(is_ready);
    state.busy = count([](const Worker& each) { return !each.retired && each.state == State::busy; });
    state.starting =
        count([](const Worker& each) { return each.state == State::forking || each.state == State::booting; });
    state.waiting = static_cast<uint32_t>(queue_.size());
    state.oldest_wait = queue_.empty() ? 0 : now_ - queue_.front();
    state.worker_memory = server_.worker_memory;
    state.memory_limit = server_.memory_limit;
    state.memory_available = server_.memory_limit - std::min(server_.memory_limit, memory());
    return state;
  }
  // A worker that boots has half of it yet: what is free looks like more than it is.
  [[nodiscard]] uint64_t memory() const {
    const uint32_t forming =
        count([](const Worker& each) { return each.state == State::forking || each.state == State::booting; });
    return server_.memory_of_others + alive() * server_.worker_memory - forming * server_.worker_memory / 2;
  }
  void on_wait(Gateway& gateway) {
    if (!gateway.queue_timer) watch_queue(gateway, kDefaults.queue_wait);
  }
  void watch_queue(Gateway& gateway, int64_t delay) {
    gateway.queue_timer = true;
    schedule(now_ + delay, [this, &gateway] { check_queue(gateway); });
  }
  void check_queue(Gateway& gateway) {
    gateway.queue_timer = false;
    const askr_workers_state seen = read();
    if (seen.waiting == 0) return;
    const Decision decision = grow(seen, kDefaults);
    if (!decision.held_back.empty()) ++held_back_;
    carry_out(gateway, seen, decision);
    watch_queue(gateway, decision.held_back.empty() ? kDefaults.queue_wait : kSecond);
  }
  void check_idle(Gateway& gateway) {
    gateway.idle_timer = false;
    const askr_workers_state seen = read();
    const uint32_t idle = count([this](const Worker& each) {
      return !each.retired && each.state == State::idle && now_ - each.since >= kDefaults.idle;
    });
    carry_out(gateway, seen, shrink(seen, idle, kDefaults));
    watch_idle(gateway);
  }
  void carry_out(Gateway& gateway, const askr_workers_state& seen, const Decision& decision) {
    if (decision.target != seen.target) set_target(decision.target);
    watch_idle(gateway);
  }
  void watch_idle(Gateway& gateway) {
    if (gateway.idle_timer || target_ <= server_.minimum) return;
    gateway.idle_timer = true;
    schedule(now_ + kDefaults.idle / 4, [this, &gateway] { check_idle(gateway); });
  }

  void observe() {
    most_alive_ = std::max(most_alive_, alive());
    most_memory_ = std::max(most_memory_, server_.memory_of_others + alive() * server_.worker_memory);
    if (ready_at_.empty() || ready_at_.back().second != ready()) ready_at_.emplace_back(now_, ready());
  }

  Server server_;
  int64_t now_ = 0;
  std::multimap<int64_t, Action> events_;
  uint32_t target_;
  std::vector<Worker> workers_;
  std::deque<int64_t> queue_;  // since when
  std::vector<Gateway> gateways_;
  unsigned wanted_clients_ = 0, asking_ = 0;
  int64_t forked_until_ = 0;

  std::vector<TargetChange> changes_;
  std::vector<std::pair<int64_t, int64_t>> waits_;      // asked at, waited
  std::vector<std::pair<int64_t, uint32_t>> ready_at_;  // each change of how many are ready
  uint32_t most_alive_ = 0;
  uint64_t most_memory_ = 0;
  size_t asked_ = 0, answered_ = 0, busy_retired_ = 0, held_back_ = 0;
};

}  // namespace autoscale
