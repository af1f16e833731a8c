// The plugins that are part of the kernel: static files and the access log. They hook the pipeline from inside, under
// the same names and switches ([plugins] disable) as any other plugin.
#pragma once

#include <string_view>
#include <vector>

#include "config/settings.hpp"
#include "gateway/access_log.hpp"
#include "gateway/static_files.hpp"
#include "pipeline/pipeline.hpp"

namespace askr::gateway {

// All of them, on or off.
inline constexpr std::string_view kKernelPlugins[] = {"static", "access-log"};

// Those that are on with these settings.
std::vector<std::string_view> active_kernel_plugins(const config::Settings& settings);

// Adds the hooks of those that are on. `access_log` is nullptr when there is none to write.
void install_kernel_plugins(const config::Settings& settings, StaticFiles& static_files, AccessLog* access_log,
                            pipeline::Pipeline& pipeline);

}  // namespace askr::gateway
