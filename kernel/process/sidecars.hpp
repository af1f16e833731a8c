// The sidecars of one generation: processes beside its workers that do no requests. Queue workers and runs of the
// scheduler are PHP forked from the template, commands are any program. They start when the generation has become the
// active one and end with it.
//
// A sidecar that ends is started again, after a while if it had failed. It never stops the server. What it has started
// ends with it, but for what a run of the scheduler leaves in the background: jobs outlive such a run, as with cron.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.hpp"
#include "exchange/process_table.hpp"
#include "process/child.hpp"
#include "process/process_group.hpp"
#include "process/restart_policy.hpp"
#include "process/template_process.hpp"

namespace askr::process {

struct GenerationHost;

class Sidecars {
 public:
  enum class Ending : uint8_t {
    reload,  // another generation is active; runs of the scheduler come to their end by themselves
    stop,    // the server stops, and ends those that take too long itself
  };
  // Asks the template; false: there is none now. `output`: what becomes the standard output of the process.
  using Fork = std::function<bool(const ForkRequest&, int output)>;

  Sidecars(GenerationHost& host, uint32_t generation, Fork fork, std::function<void()> emptied);
  ~Sidecars();
  Sidecars(const Sidecars&) = delete;
  Sidecars& operator=(const Sidecars&) = delete;

  // Records that they need in the process table, those of a generation that drains included.
  static unsigned records(const config::Settings& settings);

  void start();
  // Asks each to end. After a reload those are killed that do not within server.shutdown_timeout.
  void end(Ending ending);
  void kill();
  // The template's answer to a request.
  void adopt(uint32_t position, pid_t pid);
  void on_template_ready();
  void on_template_exit();
  // No process is left.
  [[nodiscard]] bool empty() const;

 private:
  enum class Kind : uint8_t { queue, scheduler, command };
  enum class State : uint8_t { waiting, wants_template, forking, running };
  struct Sidecar {
    Kind kind;
    std::string name;
    const config::SidecarSettings* command = nullptr;
    State state = State::waiting;
    uint32_t position = 0;  // of its record, unless it waits
    std::unique_ptr<Child> child = {};
    std::unique_ptr<GroupEnding> group = {};  // what it has left behind, while that ends
    int64_t started = 0;
    RestartPolicy policy = {};
  };

  Sidecar& add(Kind kind, std::string name, const config::SidecarSettings* command = nullptr);
  void launch(Sidecar& sidecar);
  void launch_with(Sidecar& sidecar, const UniqueFd& output);
  void launch_later(Sidecar& sidecar, int64_t delay);
  bool take_record(Sidecar& sidecar);
  void release_record(const Sidecar& sidecar);
  [[nodiscard]] exchange::ProcessRecord& record_of(const Sidecar& sidecar) const;
  [[nodiscard]] exchange::Assignment& assigned(const Sidecar& sidecar) const;
  void on_forked(Sidecar& sidecar, pid_t pid);
  void end_group(Sidecar& sidecar);
  void on_exit(Sidecar& sidecar, int status);
  void restart(Sidecar& sidecar, int status, pid_t pid);
  void ask_to_end(const Sidecar& sidecar) const;
  void kill(const Sidecar& sidecar) const;
  void kill_stragglers();
  void await_minute();
  void run_scheduler();

  GenerationHost& host_;
  const uint32_t generation_;
  Fork fork_;
  std::function<void()> emptied_;
  std::vector<std::unique_ptr<Sidecar>> sidecars_;
  int64_t last_minute_ = 0;
  bool started_ = false;
  bool ending_ = false;
  bool killed_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // alarms outlive generations
};

}  // namespace askr::process
