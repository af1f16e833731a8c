// The option tables of plugins, as rows of the server's own, and their values on the way back.
#pragma once

#include <askr/abi/options.h>
#include <askr/abi/plugin.h>

#include <vector>

#include "base/result.hpp"
#include "config/load.hpp"
#include "plugin/library.hpp"

namespace askr::plugin {

// Adds the options of all plugins, active or not, to config::options(). Once per process, before anything is parsed.
// Error: a path or flag that is taken, a kind that this server does not know.
Result<> add_plugin_options(const std::vector<Library>& libraries);

// Is one of the options that turn the plugin on, its own or the server's, different from its default?
bool is_activated_by_options(const Library& library, const config::Loaded& loaded);

// What a plugin is given in the step `configure`.
class ConfigurationView {
 public:
  ConfigurationView(std::string_view plugin, const config::Settings& settings);
  [[nodiscard]] const askr_configuration* get() const { return &interface_; }
  [[nodiscard]] const config::PluginValue* find(const char* path) const;

 private:
  askr_configuration interface_;  // first: the functions get a pointer to it
  std::string_view plugin_;
  const config::Settings& settings_;
};

}  // namespace askr::plugin
