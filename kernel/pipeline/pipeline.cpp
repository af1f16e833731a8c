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

Pipeline::Pipeline() {
  prepare_calls();
}

void Pipeline::add(Phase phase, Hook hook) {
  hooks_[static_cast<unsigned>(phase)].push_back(std::move(hook));
}

Result<> Pipeline::seal() {
  for (unsigned index = 0; index < kPhaseCount; ++index) {
    const auto phase = static_cast<Phase>(index);
    ASKR_TRY(order_hooks(phase, hooks_[index]));
    if (is_mirrored(phase)) std::reverse(hooks_[index].begin(), hooks_[index].end());
  }
  prepare_calls();
  return ok();
}

void Pipeline::drop(std::string_view plugin) {
  for (auto& hooks : hooks_) {
    std::erase_if(hooks, [plugin](const Hook& hook) { return hook.plugin == plugin; });
  }
  prepare_calls();
}

void Pipeline::prepare_calls() {
  for (unsigned index = 0; index < kPhaseCount; ++index) {
    calls_[index].clear();
    for (const Hook& hook : hooks_[index]) {
      if (hook.function != nullptr) calls_[index].push_back({hook.self, hook.function});
    }
    calls_[index].push_back({nullptr, [](void*, askr_request) -> askr_verdict { return kEnd; }});
  }
}

// A plugin may answer any number.
Verdict Pipeline::checked(askr_verdict verdict) {
  const bool known = verdict >= ASKR_NEXT && verdict <= ASKR_FAIL;
  return known ? static_cast<Verdict>(verdict) : Verdict::fail;
}

void Pipeline::run_all(Phase phase, askr_request request) const {
  const std::vector<Call>& calls = calls_[static_cast<unsigned>(phase)];
  for (const Call* call = calls.data(); call->function(call->self, request) != kEnd;) ++call;
}

Verdict Pipeline::run_connection_hooks(const askr_connection_info& client) const {
  for (const Hook& hook : hooks(Phase::connection)) {
    const Verdict verdict = checked(hook.on_connection(hook.self, &client));
    if (verdict != Verdict::next) return verdict;
  }
  return Verdict::next;
}

Verdict Pipeline::run_body_hooks(askr_request request, askr_str piece, bool last, uint32_t& position) const {
  position = 0;
  for (const Hook& hook : hooks(Phase::request_body)) {
    ++position;
    const Verdict verdict = checked(hook.on_body(hook.self, request, piece, last ? 1 : 0));
    if (verdict != Verdict::next) return verdict;
  }
  return Verdict::next;
}

std::string_view Pipeline::plugin_before(Phase phase, uint32_t position) const {
  const std::vector<Hook>& all = hooks(phase);
  return position == 0 || position > all.size() ? std::string_view("?") : all[position - 1].plugin;
}

}  // namespace askr::pipeline
