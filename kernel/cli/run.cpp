#include "cli/run.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdio>

#include "cli/command.hpp"
#include "cli/control_client.hpp"
#include "cli/help.hpp"
#include "cli/plugin_commands.hpp"
#include "cli/server_plan.hpp"
#include "config/load.hpp"
#include "config/nearest.hpp"
#include "config/quote.hpp"
#include "config/values.hpp"
#include "process/title.hpp"

namespace askr::cli {
namespace {

using Words = std::vector<std::string>;

bool asks_for_help(const Words& words) {
  return std::any_of(words.begin(), words.end(), [](const std::string& w) { return w == "--help" || w == "-h"; });
}

const Command* find_command(std::string_view name) {
  for (const Command& command : commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

Error unknown_command(const std::string& name) {
  if (name.starts_with("-")) return usage_error(name + ": a command comes first, such as askr serve; see askr --help");
  Words known;
  for (const Command& command : commands()) known.emplace_back(command.name);
  return usage_error(config::quote(name) + ": unknown command" + config::suggestion(name, known));
}

Result<int> run_command(const Command& command, const Words& words) {
  Words switches;
  for (const Switch& each : command.switches) switches.emplace_back(each.name);
  const std::string folder = config::working_directory();
  const config::Environment environment = config::process_environment();
  if (command.plugins == PluginUse::options) ASKR_TRY(open_plugins(words, environment, folder));
  config::CommandLine line = ASKR_TRY(config::parse_command_line(words, switches, command.most_operands, folder));
  return command.run({std::move(line), environment, folder});
}

// A word that is no command of the server may be one of a plugin.
Result<int> run_plugin_command(const std::string& name, const Words& words) {
  constexpr size_t kMostOperands = 64;
  const std::string folder = config::working_directory();
  const config::Environment environment = config::process_environment();
  ASKR_TRY(open_plugins(words, environment, folder));
  config::CommandLine line = ASKR_TRY(config::parse_command_line(words, {}, kMostOperands, folder));
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
  const Command* command = find_command(help ? words[1] : name);
  if (command == nullptr && (help || name.starts_with("-"))) return unknown_command(help ? words[1] : name);
  if (command == nullptr) return run_plugin_command(name, Words(words.begin() + 1, words.end()));
  const Words rest(words.begin() + 1, words.end());
  if (help || asks_for_help(rest)) {
    // Without the options of a plugin that does not load: this text is how one finds out what to do about it.
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
