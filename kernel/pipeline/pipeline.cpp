#include "pipeline/pipeline.hpp"

#include <algorithm>
#include <utility>

#include "pipeline/hook_order.hpp"

namespace askr::pipeline {
namespace {

// What wraps a request from outside sees its response last.
bool is_mirrored(Phase phase) {
  return phase == Phase::response_head || phase == Phase::response_body;
}

}  // namespace

void Pipeline::add(Phase phase, Hook hook) {
  hooks_[static_cast<unsigned>(phase)].push_back(std::move(hook));
}

Result<> Pipeline::seal() {
  for (unsigned index = 0; index < kPhaseCount; ++index) {
    const auto phase = static_cast<Phase>(index);
    ASKR_TRY(order_hooks(phase, hooks_[index]));
    if (is_mirrored(phase)) std::reverse(hooks_[index].begin(), hooks_[index].end());
  }
  return ok();
}

Verdict Pipeline::run(Phase phase, Transaction& transaction) const {
  for (const Hook& hook : hooks(phase)) {
    const Verdict verdict = hook.function(hook.state, transaction);
    if (verdict != Verdict::next && phase != Phase::log) return verdict;
  }
  return Verdict::next;
}

}  // namespace askr::pipeline
