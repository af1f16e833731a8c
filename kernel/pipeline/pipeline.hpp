// Pipeline: the hooks of each gateway phase in their final order. Built once per process, then only read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "pipeline/phase.hpp"
#include "pipeline/transaction.hpp"

namespace askr::pipeline {

using HookFunction = Verdict (*)(void* state, Transaction& transaction);

struct Hook {
  std::string plugin;  // id of who registered it
  HookFunction function = nullptr;
  void* state = nullptr;            // owned by the plugin, outlives the pipeline
  std::vector<std::string> before;  // plugin ids that must come later in this phase
  std::vector<std::string> after;   // plugin ids that must come earlier
};

class Pipeline {
 public:
  void add(Phase phase, Hook hook);

  // Orders every phase by before/after, then by registration; response phases in mirror order.
  // Fails with the ids on the cycle.
  Result<> seal();

  [[nodiscard]] bool empty(Phase phase) const { return hooks_[static_cast<unsigned>(phase)].empty(); }
  [[nodiscard]] const std::vector<Hook>& hooks(Phase phase) const { return hooks_[static_cast<unsigned>(phase)]; }

  // Runs the hooks until one does not answer `next`. `log` runs all of them whatever they answer.
  Verdict run(Phase phase, Transaction& transaction) const;

 private:
  std::vector<Hook> hooks_[kPhaseCount];
};

}  // namespace askr::pipeline
