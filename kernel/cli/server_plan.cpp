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

// A list of [plugins] before anything is parsed, by the same precedence: flag, environment, file; and the folder where
// relative paths in it start.
struct Peeked {
  std::vector<std::string> items;
  std::filesystem::path folder;
};

Peeked peek_list(const std::string& key, std::string_view flag, const std::vector<std::string>& words,
                 const config::Environment& environment, const std::string& folder, const std::string& config_file) {
  std::vector<std::string> items = config::peek_flag(words, flag);
  if (!items.empty()) return {std::move(items), folder};
  const std::string variable = config::environment_name("plugins." + key);
  for (const auto& [name, value] : environment) {
    if (name == variable) return {config::split_list(value, ','), folder};
  }
  return {config::peek_toml_list(config_file, "plugins", key), std::filesystem::path(config_file).parent_path()};
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
  const Peeked named = peek_list("dir", "--plugin-dir", words, environment, folder, config_file);
  for (const std::string& each : named.items) folders.push_back((named.folder / each).string());
  const Peeked disabled = peek_list("disable", "--no-plugin", words, environment, folder, config_file);
  libraries() = ASKR_TRY(plugin::open_folders(folders, disabled.items));
  return plugin::add_plugin_options(libraries());
}

const std::vector<plugin::Library>& installed_plugins() {
  return libraries();
}

Result<process::ServerPlan> plan_server(const Invocation& invocation) {
  config::Loaded loaded = ASKR_TRY(config::load(invocation.line, invocation.environment, invocation.folder));
  if (invocation.line.has_switch("--strict") && !loaded.warnings.empty()) {
    return config::join_problems(loaded.warnings);
  }
  ASKR_TRY(check_plugin_names(loaded, installed_plugins()));
  auto active = ASKR_TRY(plugin::select_active(installed_plugins(), loaded));
  return process::ServerPlan{std::move(loaded), std::move(active)};
}

}  // namespace askr::cli
