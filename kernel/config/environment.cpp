#include "config/environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "config/nearest.hpp"
#include "config/reserved.hpp"
#include "config/values.hpp"

namespace askr::config {
namespace {

const Option* find_variable(std::string_view name) {
  for (const Option& option : options()) {
    if (environment_name(option.path) == name) return &option;
  }
  return nullptr;
}

// Other ASKR_ variables are nobody's business here: ASKR_APP_BASE, for one, is what PHP gets to see.
bool is_in_known_section(std::string_view name) {
  const auto all = options();
  return std::any_of(all.begin(), all.end(),
                     [&](const Option& option) { return name.starts_with(environment_name(option.section()) + '_'); });
}

// What scripts are told this way, in sections of ours.
constexpr std::string_view kOfScripts[] = {"ASKR_QUEUE", "ASKR_QUEUE_CONNECTION", "ASKR_SCHEDULER_INTERVAL",
                                           "ASKR_SCHEDULER_TICKS", "ASKR_CACHE_DB"};

bool is_for_scripts(std::string_view name) {
  return std::find(std::begin(kOfScripts), std::end(kOfScripts), name) != std::end(kOfScripts);
}

std::vector<std::string> variable_names() {
  std::vector<std::string> names;
  for (const Option& option : options()) names.push_back(environment_name(option.path));
  return names;
}

}  // namespace

Environment process_environment() {
  Environment result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos) result.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

bool is_secret(std::string_view name) {
  if (!name.starts_with("ASKR_")) return false;
  if (name.ends_with("SECRET") || name.ends_with("TOKEN")) return true;
  const Option* option = find_variable(name);
  return option != nullptr && option->secret;
}

void hide_secrets() {
  for (const auto& [name, value] : process_environment()) {
    if (!is_secret(name)) continue;
    if (char* text = ::getenv(name.c_str())) ::explicit_bzero(text, std::strlen(text));
    ::unsetenv(name.c_str());
  }
}

Given read_environment(const Environment& environment, const std::string& folder) {
  Given given;
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("ASKR_") || is_for_scripts(name)) continue;
    if (const Option* option = find_variable(name)) {
      std::vector<std::string> values{value};
      if (option->is_list()) values = split_list(value, option->separator);
      given.assignments.push_back({option, std::move(values), {Source::environment, name, {}}, folder});
    } else if (is_reserved_environment(name)) {
      given.problems.push_back(name + ": not part of this build");
    } else if (is_in_known_section(name)) {
      given.warnings.push_back(name + ": unknown setting" + suggestion(name, variable_names()));
    }
  }
  return given;
}

}  // namespace askr::config
