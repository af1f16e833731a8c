#include "cli/server_plan.hpp"

#include <filesystem>

#include "cli/plugin_names.hpp"
#include "config/toml_file.hpp"
#include "config/values.hpp"
#include "plugin/option_bridge.hpp"
#include "plugin/selection.hpp"

namespace askr::cli {
namespace {

std::vector<plugin::Library>& libraries() {
  static std::vector<plugin::Library> all;
  return all;
}

// A list of [plugins] before anything is parsed, by the same precedence: flag, environment, file.
std::vector<std::string> peek_list(const std::string& key, std::string_view flag, const std::vector<std::string>& words,
                                   const config::Environment& environment, const std::string& config_file) {
  std::vector<std::string> items = config::peek_flag(words, flag);
  if (!items.empty()) return items;
  const std::string variable = config::environment_name("plugins." + key);
  for (const auto& [name, value] : environment) {
    if (name == variable) return config::split_list(value, ',');
  }
  return config::peek_toml_list(config_file, "plugins", key);
}

// `askr config-check FILE` names its file without a flag.
std::string peek_config_file(const std::vector<std::string>& words, const std::string& folder) {
  std::vector<std::string> named = config::peek_flag(words, "--config");
  if (named.empty() && !words.empty() && words.front().ends_with(".toml")) named.push_back(words.front());
  const std::filesystem::path file = named.empty() ? "askr.toml" : named.front();
  return (std::filesystem::path(folder) / file).string();
}

}  // namespace

Result<> open_plugins(const std::vector<std::string>& words, const config::Environment& environment,
                      const std::string& folder) {
  const std::string config_file = peek_config_file(words, folder);
  std::vector<std::string> folders;
  if (std::filesystem::is_directory(plugin::own_folder())) folders.push_back(plugin::own_folder());
  for (const std::string& each : peek_list("dir", "--plugin-dir", words, environment, config_file)) {
    folders.push_back((std::filesystem::path(folder) / each).string());
  }
  const std::vector<std::string> disabled = peek_list("disable", "--no-plugin", words, environment, config_file);
  libraries() = ASKR_TRY(plugin::open_folders(folders, disabled));
  return plugin::add_plugin_options(libraries());
}

const std::vector<plugin::Library>& installed_plugins() {
  return libraries();
}

Result<process::ServerPlan> plan_server(const Invocation& invocation) {
  config::Loaded loaded = ASKR_TRY(config::load(invocation.line, invocation.environment, invocation.folder));
  ASKR_TRY(check_plugin_names(loaded, installed_plugins()));
  auto active = ASKR_TRY(plugin::select_active(installed_plugins(), loaded));
  return process::ServerPlan{std::move(loaded), std::move(active)};
}

}  // namespace askr::cli
