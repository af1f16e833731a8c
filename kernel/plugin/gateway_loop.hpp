// GatewayLoop: the timers and descriptors of plugins in one gateway's event loop ("askr.loop/1").
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/event_loop.hpp"
#include "base/turn_budget.hpp"
#include "plugin/host.hpp"

namespace askr::plugin {

class GatewayLoop {
 public:
  using TimerCallback = void (*)(void* context);
  using Step = int32_t (*)(void* context);
  using ReadyCallback = void (*)(void* context, uint32_t events);

  // The one of this process, until it is destroyed.
  explicit GatewayLoop(EventLoop& loop);
  ~GatewayLoop();
  GatewayLoop(const GatewayLoop&) = delete;
  GatewayLoop& operator=(const GatewayLoop&) = delete;
  static GatewayLoop* current();

  void set_now(int64_t now) { now_ = now; }
  [[nodiscard]] int64_t now() const { return now_; }
  // Nanoseconds until the next timer; negative: there is none.
  [[nodiscard]] int64_t until_next(int64_t now) const;
  void expire(int64_t now);
  [[nodiscard]] bool has_work() const { return !work_.empty(); }
  // One step of each in turn, until all is done or the budget is spent; one step at least.
  void do_work(TurnBudget& budget);

  uint64_t set_timer(const ActivePlugin& plugin, int64_t delay, TimerCallback callback, void* context);
  bool cancel_timer(uint64_t id);
  askr_status watch(const ActivePlugin& plugin, int fd, uint32_t events, ReadyCallback callback, void* context);
  bool unwatch(int fd);

  uint64_t add_work(const ActivePlugin& plugin, Step step, void* context);
  bool cancel_work(uint64_t id);

  // A plugin was taken out: its timers, descriptors and work go.
  void forget(const ActivePlugin& plugin);

  // Names each plugin that has left timers or descriptors behind.
  void report_leftovers() const;

 private:
  struct PluginTimer {
    uint64_t id;
    const ActivePlugin* plugin;
    TimerCallback callback;
    void* context;
  };
  struct Work {
    uint64_t id;
    const ActivePlugin* plugin;
    Step step;
    void* context;
  };
  struct Watched final : Watcher {
    const ActivePlugin* plugin = nullptr;
    ReadyCallback callback = nullptr;
    void* context = nullptr;
    dev_t device = 0;  // what the descriptor stood for: its number is given to others once it is closed
    ino_t inode = 0;
    void on_ready(uint32_t events) override;
    [[nodiscard]] bool is_still(int fd) const;
  };

  EventLoop& loop_;
  int64_t now_ = 0;
  uint64_t last_id_ = 0;
  std::multimap<int64_t, PluginTimer> timers_;
  std::unordered_map<uint64_t, std::multimap<int64_t, PluginTimer>::iterator> by_id_;
  std::deque<Work> work_;  // the one whose turn it is in front
  std::unordered_map<int, std::unique_ptr<Watched>> watched_;
  std::vector<std::unique_ptr<Watched>> removed_;  // until the turn is over
};

}  // namespace askr::plugin
