#include "gateway/kernel_plugins.hpp"

namespace askr::gateway {

std::vector<std::string_view> active_kernel_plugins(const config::Settings& settings) {
  std::vector<std::string_view> active;
  if (!settings.plugins.is_disabled("static")) active.emplace_back("static");
  const bool logging = !settings.server.access_log.empty() && !settings.plugins.is_disabled("access-log");
  if (logging) active.emplace_back("access-log");
  return active;
}

void install_kernel_plugins(const config::Settings& settings, StaticFiles& static_files, AccessLog* access_log,
                            pipeline::Pipeline& pipeline) {
  for (const std::string_view name : active_kernel_plugins(settings)) {
    if (name == "static") static_files.install(pipeline);
    if (name == "access-log" && access_log != nullptr) access_log->install(pipeline);
  }
}

}  // namespace askr::gateway
