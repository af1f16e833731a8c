// "askr.pipeline/1"
#include <algorithm>

#include "plugin/host.hpp"
#include "plugin/interfaces.hpp"
#include "plugin/live_request.hpp"

namespace askr::plugin {
namespace {

using pipeline::Phase;

bool takes_plain_hooks(uint32_t phase) {
  switch (phase) {
    case ASKR_PHASE_REQUEST_HEAD:
    case ASKR_PHASE_ROUTE:
    case ASKR_PHASE_LOOKUP:
    case ASKR_PHASE_REQUEST_BEGIN:
    case ASKR_PHASE_REQUEST_END:
    case ASKR_PHASE_RESPONSE_HEAD:
    case ASKR_PHASE_LOG:
      return true;
    default:
      return false;
  }
}

askr_status add(askr_registrar* registrar, Phase phase, pipeline::Hook hook) {
  auto& hooks = registrar->plugin.hooks;
  if (std::any_of(hooks.begin(), hooks.end(), [phase](const auto& each) { return each.first == phase; })) {
    return ASKR_E_EXISTS;
  }
  hook.plugin = registrar->plugin.id();
  hook.self = registrar->plugin.self;
  hooks.emplace_back(phase, std::move(hook));
  return ASKR_OK;
}

askr_status add_hook(askr_registrar* registrar, uint32_t phase, askr_hook function) {
  if (!takes_plain_hooks(phase) || function == nullptr) return ASKR_E_INVALID;
  pipeline::Hook hook;
  hook.function = function;
  return add(registrar, static_cast<Phase>(phase), std::move(hook));
}

askr_status add_connection_hook(askr_registrar* registrar, askr_connection_hook function) {
  if (function == nullptr) return ASKR_E_INVALID;
  pipeline::Hook hook;
  hook.on_connection = function;
  return add(registrar, Phase::connection, std::move(hook));
}

askr_status add_body_hook(askr_registrar* registrar, askr_request_body_hook function) {
  if (function == nullptr) return ASKR_E_INVALID;
  pipeline::Hook hook;
  hook.on_body = function;
  return add(registrar, Phase::request_body, std::move(hook));
}

askr_status resume(askr_request request, askr_verdict verdict) {
  pipeline::Transaction* transaction = ASKR_LIVE(request, "askr_pipeline.resume");
  if (transaction == nullptr) return ASKR_E_STALE;
  if (verdict != ASKR_NEXT && verdict != ASKR_DONE && verdict != ASKR_FAIL) return ASKR_E_INVALID;
  return transaction->driver->resume(static_cast<pipeline::Verdict>(verdict)) ? ASKR_OK : ASKR_E_STALE;
}

askr_status repeat(askr_request request) {
  const pipeline::Transaction* transaction = ASKR_LIVE(request, "askr_pipeline.repeat");
  return transaction == nullptr ? ASKR_E_STALE : transaction->driver->repeat();
}

}  // namespace

const askr_pipeline kPipelineInterface = {sizeof(askr_pipeline), add_hook, add_connection_hook,
                                          add_body_hook,         resume,   repeat};

}  // namespace askr::plugin
