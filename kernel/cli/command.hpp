// One subcommand: what --help says about it and what it does. The list of all of them is in commands.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/command_line.hpp"
#include "config/environment.hpp"

namespace askr::cli {

// Which settings a command's --help lists. All commands accept all of them, so that one set of flags fits every
// command about the same server.
enum class HelpScope { all_settings, which_server, root_only, none };

// What a command is run with.
struct Invocation {
  config::CommandLine line;
  config::Environment environment;
  std::string folder;  // working directory
};

// Commands that know no settings need no plugins, and must work when one is broken.
enum class PluginUse { options, none };

struct Switch {
  std::string_view name, help;
};

struct Command {
  std::string_view name;
  std::string_view usage;        // what follows `askr `
  std::string_view summary;      // for the list of commands
  std::string_view description;  // for its own --help
  HelpScope help_scope;
  std::vector<Switch> switches;
  size_t most_operands = 0;
  Result<int> (*run)(const Invocation& invocation);
  PluginUse plugins = PluginUse::options;
  // Not null: the command reads its words itself, which are no settings of the server.
  Result<int> (*run_words)(const std::vector<std::string>& words) = nullptr;
};

std::span<const Command> commands();

Result<int> run_serve(const Invocation& invocation);
Result<int> run_config_check(const Invocation& invocation);
Result<int> run_doctor(const Invocation& invocation);
Result<int> run_status(const Invocation& invocation);
Result<int> run_reload(const Invocation& invocation);
Result<int> run_pipeline(const Invocation& invocation);
Result<int> run_plugins(const Invocation& invocation);
Result<int> run_regions(const Invocation& invocation);
Result<int> run_test(const std::vector<std::string>& words);
Result<int> run_plugin(const Invocation& invocation);

}  // namespace askr::cli
