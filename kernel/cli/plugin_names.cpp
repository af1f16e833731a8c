#include "cli/plugin_names.hpp"

#include <algorithm>

#include "config/nearest.hpp"
#include "config/quote.hpp"
#include "gateway/kernel_plugins.hpp"

namespace askr::cli {
namespace {

Result<> check_names(const config::Loaded& loaded, std::string_view option, const std::vector<std::string>& names,
                     const std::vector<std::string>& known) {
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return usage_error(config::describe_place(loaded.origin(option), option) + "there is no plugin " +
                       config::quote(name) + config::suggestion(name, known));
  }
  return ok();
}

}  // namespace

Result<> check_plugin_names(const config::Loaded& loaded, const std::vector<plugin::Library>& installed) {
  std::vector<std::string> known(std::begin(gateway::kKernelPlugins), std::end(gateway::kKernelPlugins));
  for (const plugin::Library& library : installed) known.emplace_back(library.id());
  const config::PluginSettings& plugins = loaded.settings.plugins;
  ASKR_TRY(check_names(loaded, "plugins.enable", plugins.enable, known));
  ASKR_TRY(check_names(loaded, "plugins.disable", plugins.disable, known));
  ASKR_TRY(check_names(loaded, "plugins.required", plugins.required, known));
  for (const std::string& name : plugins.enable) {
    if (!plugins.is_disabled(name)) continue;
    return usage_error(config::describe_place(loaded.origin("plugins.enable"), "plugins.enable") + config::quote(name) +
                       " is enabled and disabled");
  }
  return ok();
}

}  // namespace askr::cli
