#include "plugin/interfaces.hpp"

namespace askr::plugin {

const void* find_interface(std::string_view name) {
  static const struct {
    std::string_view name;
    const void* functions;
  } kAll[] = {
      {ASKR_PIPELINE, &kPipelineInterface}, {ASKR_REQUEST, &kRequestInterface}, {ASKR_RESPONSE, &kResponseInterface},
      {ASKR_SLOTS, &kSlotsInterface},       {ASKR_SHM, &kShmInterface},         {ASKR_WAKE, &kWakeInterface},
      {ASKR_LOOP, &kLoopInterface},         {ASKR_LOG, &kLogInterface},         {ASKR_METRICS, &kMetricsInterface},
      {ASKR_COMMAND, &kCommandInterface},   {ASKR_SERVICE, &kServiceInterface}, {ASKR_WORKERS, &kWorkersInterface}};
  for (const auto& each : kAll) {
    if (each.name == name) return each.functions;
  }
  return nullptr;
}

}  // namespace askr::plugin
