// A generation: one template with its workers and its document root. The master has one active generation, at most one
// that boots (a reload) and any number that drain.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/event_loop.hpp"
#include "config/settings.hpp"
#include "exchange/exchange.hpp"
#include "exchange/reclaim.hpp"
#include "process/alarms.hpp"
#include "process/canary.hpp"
#include "process/child.hpp"
#include "process/respawn_policy.hpp"
#include "process/rewind_policy.hpp"
#include "process/sidecar_guard.hpp"
#include "process/sidecar_output.hpp"
#include "process/sidecars.hpp"
#include "process/template_process.hpp"
#include "process/upload_folder.hpp"

namespace askr::process {

// What a generation needs of the master.
struct GenerationHost {
  const config::Settings& settings;
  exchange::Exchange& exchange;
  EventLoop& loop;
  Alarms& alarms;
  plugin::Host& plugins;
  const UploadFolder& uploads;
  const Account* account;  // what templates, workers and sidecars run as; nullptr: as the master
  SidecarOutput& sidecar_output;
  SidecarGuard& sidecar_guard;
  std::function<void()> close_in_child;  // descriptors that templates and workers have no business with
};

class Generation final : public Watcher {
 public:
  // How it goes on is told through these; each may delete the generation only later, not from inside.
  struct Events {
    std::function<void(Generation&)> booted;                    // all workers that were asked for are ready
    std::function<void(Generation&, const Error& why)> failed;  // it is not going to serve
    std::function<void(Generation&)> emptied;                   // no process of it is left
    std::function<void(Generation&)> lost_request;              // a worker died with one
    std::function<void(Generation&)> crashed;                   // a worker died of a fault
  };

  Generation(GenerationHost& host, uint32_t number, Events events);
  ~Generation();

  enum class Share : uint8_t { one_worker, all };
  enum class Rehearsals : uint8_t { must_pass, may_fail };
  // Resolves the root, starts the template and then one worker, or as many as there shall be.
  Result<> start(Share share, Rehearsals rehearsals);
  // From now on all; `booted` is told again when they are ready.
  void expand();
  // What its workers have answered so far.
  [[nodiscard]] Answers answers() const;
  // How many of them by a worker, rather than by a gateway because that had died.
  [[nodiscard]] uint64_t answered() const { return answers().requests - lost_requests_; }
  // A worker's `ready` flag changed, perhaps, or the number of workers that there shall be.
  void check_ready();
  // It is the active one now: its sidecars start, and nothing that fails to start ends it any more.
  void serve();
  // The server stops: they need not wait until the last request is answered.
  void stop_sidecars() { sidecars_.end(Sidecars::Ending::stop); }
  // Stops giving it work: its workers end after their current request, its template at once.
  void retire();
  void kill();
  // Wakes the template to reopen the error log.
  void reopen_log();
  // In a forked child: closes our end of the socket pair.
  void forget_socket() { socket_.reset(); }
  // The worker in that record is over its time.
  void end_overdue(unsigned record);

  void on_ready(uint32_t events) override;  // messages of the template

  [[nodiscard]] uint32_t number() const { return number_; }
  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] const php::RuntimeFacts& facts() const { return facts_; }
  // Its workers are ready, or rehearse.
  [[nodiscard]] bool has_booted() const { return ready_ || rehearsing_ != kNobody || !known_ready_.empty(); }
  [[nodiscard]] bool empty() const { return !template_ && workers_gone() && sidecars_.empty(); }
  [[nodiscard]] bool workers_gone() const { return workers_.empty() && forks_under_way_ == 0; }

 private:
  Result<> start_template();
  bool request_fork(const ForkRequest& request, int output = -1);
  void on_template_exit(int status);
  void start_template_again();
  void replace_template(bool was_ready, const std::string& end);
  void limit_template_boot();
  void on_template_ready(std::string_view text);
  void settle_unanswered_forks();
  [[nodiscard]] unsigned target() const;
  void note_not_rewound(const Child& worker, const exchange::ProcessRecord& record);
  void look_at_rewinding();
  void stop_rewinding();
  void spawn_missing();
  void retire_surplus();
  void retire_worker(unsigned record) const;
  [[nodiscard]] exchange::Assignment& assigned(const Child& worker) const;
  [[nodiscard]] size_t wanted_workers() const;
  bool spawn_worker();
  [[nodiscard]] bool rehearses() const { return rehearsed_ < rehearsals_.size(); }
  void begin_rehearsal(unsigned record, ForkRequest& request);
  void end_rehearsal(int status, const exchange::ProcessRecord& record);
  Result<> begin_learning();
  void end_learning(int status, const exchange::ProcessRecord& record);
  bool preload_nothing(const std::string& why);
  [[nodiscard]] int64_t end_of_age(const Child& worker) const;
  void watch_ages();
  void retire_aged();
  void watch_boots();
  void end_endless_boots();
  void replace(const exchange::ProcessRecord& record, pid_t pid, bool was_ready, int status);
  [[nodiscard]] bool may_spawn() const;
  [[nodiscard]] bool tries_already() const;
  void spawn_later(int64_t delay);
  void on_fork_failure();
  void adopt_worker(uint32_t position, pid_t pid);
  [[nodiscard]] bool expects(uint32_t position, pid_t pid) const;
  [[nodiscard]] bool knows(unsigned record) const;
  [[nodiscard]] bool has_been_ready(const Child& worker) const;
  void on_worker_exit(Child& worker, int status);
  void log_worker_end(const Child& worker, int status, const exchange::LostRequest& lost);
  [[nodiscard]] std::string_view who_goes_on() const;
  void give_up(const Error& why);
  [[nodiscard]] php::RuntimeOptions runtime_options() const;
  [[nodiscard]] php::PluginParts plugin_parts() const;

  static constexpr unsigned kNobody = ~0U;

  GenerationHost& host_;
  const uint32_t number_;
  Events events_;
  std::string root_;
  php::RuntimeFacts facts_;
  UniqueFd socket_;  // to the template
  std::unique_ptr<Child> template_;
  unsigned template_record_ = 0;
  std::vector<std::unique_ptr<Child>> workers_;
  std::set<unsigned> known_ready_;  // records
  unsigned forks_under_way_ = 0;
  unsigned delayed_ = 0;                               // replacements that wait for an alarm
  bool watches_ages_ = false, watches_boots_ = false;  // an alarm is set
  Share share_ = Share::all;
  std::vector<std::string> rehearsals_;  // encoded
  size_t rehearsed_ = 0;                 // of these, how many are over
  unsigned rehearsing_ = kNobody;        // record of the worker that runs some
  unsigned rehearsal_runs_ = 0;          // how many such workers there have been
  Rehearsals must_pass_ = Rehearsals::may_fail;
  php::ClassList classes_ = php::ClassList::none;  // what its template does, or the next one
  UniqueFd class_list_;
  bool starts_anew_ = false;    // the template ends to make place for another one
  Answers ended_;               // of workers that have ended
  uint64_t lost_requests_ = 0;  // with them
  bool template_ready_ = false;
  bool ready_ = false;      // has been, once
  bool announced_ = false;  // that all wanted ones are ready
  bool serves_ = false;     // is the active one, or was
  bool retiring_ = false;
  bool killed_ = false;
  bool over_ = false;  // failed
  RespawnPolicy policy_, template_policy_;
  RewindPolicy rewind_policy_;
  int64_t not_rewinding_since_ = 0;  // 0: workers have always been rewound
  std::string last_early_end_;       // how a worker ended that had not become ready
  std::string template_failure_;     // what the template has said before it ended
  int64_t forks_fail_since_ = 0;     // 0: the last one did not
  Sidecars sidecars_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // alarms outlive generations
};

}  // namespace askr::process
