// Pipeline: the hooks of each phase in their final order. Built once per process, then only read.
//
// Running a phase is a loop over pairs of function and object up to a sentinel, some eight instructions per hook,
// because it happens several times for each request. Hooks get a handle, never a Transaction: see request_table.hpp.
#pragma once

#include <askr/abi/pipeline.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "pipeline/phase.hpp"

namespace askr::pipeline {

struct Hook {
  std::string plugin;                            // id of who registered it
  askr_hook function = nullptr;                  // in most phases, or
  void* self = nullptr;                          // owned by the plugin, outlives the pipeline
  std::vector<std::string> before = {};          // plugin ids that must come later in this phase
  std::vector<std::string> after = {};           // plugin ids that must come earlier
  askr_connection_hook on_connection = nullptr;  // Phase::connection
  askr_request_body_hook on_body = nullptr;      // Phase::request_body
};

class Pipeline {
 public:
  Pipeline();

  void add(Phase phase, Hook hook);

  // Orders every phase by before/after, then by registration; response phases in mirror order.
  // Fails with the ids on the cycle.
  Result<> seal();
  // Takes all hooks of a plugin out of a sealed pipeline. Positions that were stored are not valid any more.
  void drop(std::string_view plugin);

  [[nodiscard]] bool empty(Phase phase) const { return hooks(phase).empty(); }
  [[nodiscard]] const std::vector<Hook>& hooks(Phase phase) const { return hooks_[static_cast<unsigned>(phase)]; }

  // Runs the hooks from `position` on until one does not answer `next`; `position` is behind that one then.
  Verdict run(Phase phase, askr_request request, uint32_t& position) const {
    const Call* const calls = calls_[static_cast<unsigned>(phase)].data();
    const Call* call = calls + position;
    askr_verdict verdict = ASKR_NEXT;
    do {
      verdict = call->function(call->self, request);
      ++call;
    } while (verdict == ASKR_NEXT);
    position = static_cast<uint32_t>(call - calls);
    return verdict == kEnd ? Verdict::next : checked(verdict);
  }
  // Runs all hooks, whatever they answer: Phase::log and those of the worker.
  void run_all(Phase phase, askr_request request) const;
  [[nodiscard]] Verdict run_connection_hooks(const askr_connection_info& client) const;
  // `position` as above, to name the hook that did not answer `next`.
  [[nodiscard]] Verdict run_body_hooks(askr_request request, askr_str piece, bool last, uint32_t& position) const;

  // Who owns the hook before `position`.
  [[nodiscard]] std::string_view plugin_before(Phase phase, uint32_t position) const;

 private:
  struct Call {
    void* self;
    askr_hook function;
  };
  static constexpr askr_verdict kEnd = INT32_MIN;
  static Verdict checked(askr_verdict verdict);
  void prepare_calls();

  std::vector<Hook> hooks_[kPhaseCount];
  std::vector<Call> calls_[kPhaseCount];  // the same, ready to run; ends with a sentinel
};

}  // namespace askr::pipeline
