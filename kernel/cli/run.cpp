#include "cli/run.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "cli/command.hpp"
#include "cli/control_client.hpp"
#include "cli/help.hpp"
#include "cli/plugin_commands.hpp"
#include "cli/server_plan.hpp"
#include "config/load.hpp"
#include "config/values.hpp"
#include "process/title.hpp"

namespace askr::cli {
namespace {

using Words = std::vector<std::string>;

bool is_help_flag(const std::string& word) {
  return word == "--help" || word == "-h";
}

bool asks_for_help(const Words& words) {
  return std::any_of(words.begin(), words.end(), is_help_flag);
}

const Command* find_command(std::string_view name) {
  for (const Command& command : commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

Result<int> run_command(const Command& command, const Words& words) {
  if (command.run_words != nullptr) return command.run_words(words);
  Words switches;
  for (const Switch& each : command.switches) switches.emplace_back(each.name);
  const std::string folder = config::working_directory();
  const config::Environment environment = config::process_environment();
  if (command.plugins == PluginUse::options) ASKR_TRY(open_plugins(words, environment, folder));
  config::hide_secrets();
  config::CommandLine line = ASKR_TRY(config::parse_command_line(words, switches, command.most_operands, folder));
  return command.run({std::move(line), environment, folder});
}

// A word that is no command of the server may be one of a plugin, which tells its usage for --help.
Result<int> run_plugin_command(const std::string& name, Words words) {
  constexpr size_t kMostOperands = 64;
  const bool help = std::erase_if(words, is_help_flag) > 0;
  const std::string folder = config::working_directory();
  const config::Environment environment = config::process_environment();
  ASKR_TRY(open_plugins(words, environment, folder));
  config::hide_secrets();
  config::CommandLine line = ASKR_TRY(config::parse_command_line(words, {}, kMostOperands, folder));
  if (help) line.operands = {"--help"};
  return ask_plugin(name, {std::move(line), environment, folder});
}

int print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return 0;
}

Result<int> dispatch(const Words& words) {
  if (words.empty()) {
    std::fputs(main_help().c_str(), stderr);
    return 2;
  }
  const std::string& name = words.front();
  if (name == "--version" || name == "-V") return print("askr " ASKR_VERSION "\n");
  if (name == "--help" || name == "-h") return print(main_help());
  const bool help = name == "help";
  if (help && words.size() == 1) return print(main_help());
  const std::string& command_name = help ? words[1] : name;
  Words rest(words.begin() + (help ? 2 : 1), words.end());
  if (help) rest.emplace_back("--help");
  const Command* command = find_command(command_name);
  if (command == nullptr && command_name.starts_with("-")) {
    return usage_error(command_name + ": a command comes first, such as askr serve; see askr --help");
  }
  if (command == nullptr) return run_plugin_command(command_name, std::move(rest));
  if (asks_for_help(rest)) {
    // Without the options of a plugin that does not load: this text is how one finds out what to do about it.
    if (command->run_words != nullptr) return print(command_help(*command));
    if (auto opened = open_plugins(rest, config::process_environment(), config::working_directory()); !opened) {
      std::fputs(("askr: " + opened.error().message + "\n").c_str(), stderr);
    }
    return print(command_help(*command));
  }
  return run_command(*command, rest);
}

}  // namespace

int run(int argc, char** argv) {
  process::init_titles(argc, argv);
  auto code = dispatch(Words(argv + std::min(argc, 1), argv + argc));
  std::fflush(stdout);
  if (code) return code.value();
  for (const std::string& line : config::split_list(code.error().message, '\n')) {
    std::fputs(fmt::format("askr: {}\n", line).c_str(), stderr);
  }
  return code.error().exit_code;
}

}  // namespace askr::cli
