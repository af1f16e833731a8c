// Deployment: which code serves. It owns the generations: at most one serves, at most one is on its way (a reload) and
// any number drain.
//
// A reload: boot a generation from the freshly resolved root -> it rehearses the warm-up pages -> with reload.canary,
// one worker of it gets its share of the traffic and is compared with the others -> it gets all traffic -> the one
// before drains. Whatever goes wrong before all traffic has moved takes the reload back: the old code never stopped
// serving. Who asked for it is answered when the old code has answered its last request, so that its files may be
// deleted then.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "process/control_server.hpp"
#include "process/crash_loop.hpp"
#include "process/generation.hpp"
#include "process/source_watch.hpp"

namespace askr::process {

class Deployment {
 public:
  struct Events {
    std::function<void()> serving;               // the first generation is ready
    std::function<void(const Error& why)> over;  // there is no code that can be served
  };
  Deployment(GenerationHost& host, Events events);

  // Boots the first generation.
  Result<> start();
  // `reply` may be empty. One that is asked for while another is under way is a new one afterwards: the files may have
  // changed again.
  void reload(ControlServer::Reply reply);
  // Something in the exchange has changed.
  void look();
  // The server stops: no more reloads, and the sidecars end.
  void close();
  void retire();
  void kill();
  // At the end of a turn of the loop: lets go of generations that have ended.
  void discard_ended();

  void reopen_logs() const;
  void forget_sockets() const;
  void end_overdue(unsigned record) const;

  // How often a new generation was started because workers died in a row.
  [[nodiscard]] unsigned renewals() const { return crash_loop_.renewals(); }
  [[nodiscard]] Generation* active() const { return active_; }
  [[nodiscard]] bool empty() const { return generations_.empty(); }

 private:
  using Replies = std::vector<ControlServer::Reply>;
  // A reload that serves already; its old generation still has requests to answer.
  struct Finished {
    std::string message;
    Replies waiters;
    uint32_t before;  // number of the old generation
    uint32_t root_version;
  };

  Result<> boot();
  void limit_boot(const Generation& generation);
  void on_booted(Generation& generation);
  void on_failed(Generation& generation, const Error& why);
  void on_emptied(Generation& generation);
  void on_crashed(const Generation& generation);
  void begin_canary(Generation& generation);
  void judge_canary();
  void end_canary();
  void serve(Generation& generation);
  void answer(bool done, const std::string& message, const Replies& waiters) const;
  void take_back(const std::string& why);
  void finish(std::optional<Finished> finished);
  void answer_finished();
  [[nodiscard]] bool is_over(const Finished& finished) const;

  // --- asked for by PHP
  void follow_opcache_resets();

  // --- changed sources
  Result<> start_watching();
  [[nodiscard]] std::string application_folder() const;
  void hold();
  void on_sources_looked_at(bool changed);
  void rebuild();
  void let_go();
  // What boots now is not the newest any more, and something newer will be booted.
  [[nodiscard]] bool is_outdated() const { return held_ && (again_ || changes_ != built_); }

  GenerationHost& host_;
  Events events_;
  std::vector<std::unique_ptr<Generation>> generations_;
  Generation* active_ = nullptr;
  Generation* booting_ = nullptr;
  bool on_trial_ = false;  // booting_ is a canary
  bool renews_ = false;    // what boots next takes the place of one that does not answer
  CrashLoop crash_loop_;
  std::string trial_report_;
  uint32_t last_number_ = 0;
  bool open_ = false;  // reloads are possible
  Replies waiters_, next_waiters_;
  bool again_ = false;
  std::vector<Finished> finished_;
  std::vector<Generation*> ended_;
  int64_t last_reset_ = 0;  // when opcache_reset() had its last generation
  bool reset_waits_ = false;
  std::unique_ptr<SourceWatch> sources_;
  bool held_ = false;                 // requests wait for new code
  uint64_t changes_ = 0, built_ = 0;  // how often sources have changed, and when booting_ began
};

}  // namespace askr::process
