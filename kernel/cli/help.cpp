#include "cli/help.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "config/options.hpp"
#include "config/values.hpp"

namespace askr::cli {
namespace {

constexpr size_t kWidth = 79;
constexpr size_t kTextColumn = 27;

// Words filled into lines of at most kWidth, the first one starting at `column`, the others indented to it.
std::string wrap(std::string_view text, size_t column) {
  std::string out;
  size_t used = column;
  for (const std::string& word : config::split_list(text, ' ')) {
    if (used > column && used + 1 + word.size() > kWidth) {
      out += '\n' + std::string(column, ' ');
      used = column;
    }
    if (used > column) {
      out += ' ';
      ++used;
    }
    out += word;
    used += word.size();
  }
  return out;
}

std::string entry(std::string_view left, std::string_view text) {
  const std::string head = fmt::format("  {}", left);
  const bool own_line = head.size() + 2 > kTextColumn;
  const std::string gap = own_line ? '\n' + std::string(kTextColumn, ' ') : std::string(kTextColumn - head.size(), ' ');
  return head + gap + wrap(text, kTextColumn) + '\n';
}

std::string option_entry(const config::Option& option) {
  const std::string text =
      fmt::format("{}{} [{}]", option.help, option.is_list() ? "; repeatable" : "", option.default_value());
  const bool plain = option.placeholder.empty();
  return entry(plain ? std::string(option.flag) : fmt::format("{} {}", option.flag, option.placeholder), text);
}

bool is_listed(const config::Option& option, HelpScope scope) {
  if (scope == HelpScope::all_settings) return true;
  if (scope == HelpScope::none) return false;
  if (scope == HelpScope::root_only) return option.path == "server.root" || option.path == "worker.script";
  return option.path == "server.listen" || option.path == "server.control";
}

std::string switches_help(const Command& command) {
  std::string out = "Options\n";
  for (const Switch& each : command.switches) out += entry(each.name, each.help);
  if (command.help_scope != HelpScope::none) {
    out += entry("--config FILE", "Settings from FILE [askr.toml, if there is one]");
  }
  out += entry("--help", "This text");
  return out;
}

std::string settings_help(HelpScope scope) {
  std::string out;
  std::string_view group;
  for (const config::Option& option : config::options()) {
    if (!is_listed(option, scope)) continue;
    if (option.group != group) out += fmt::format("\n{}\n", option.group);
    group = option.group;
    out += option_entry(option);
  }
  return out;
}

constexpr std::string_view kSettingsNote =
    "Each setting has a flag, an environment variable and a place in askr.toml (--queue-size 50, "
    "ASKR_SERVER_QUEUE_SIZE=50, queue_size = 50 below [server]); the first of them wins. Sizes: 512K, 16M, 1G. Times: "
    "500ms, 60s, 2m. The file askr.toml.example explains all of them.";

}  // namespace

std::string main_help() {
  std::string out =
      "askr " ASKR_VERSION " - an application server for PHP\n\nUsage: askr COMMAND [options]\n\nCommands\n";
  for (const Command& command : commands()) out += fmt::format("  {:<14}{}\n", command.name, command.summary);
  out +=
      "\nThe first steps\n"
      "  askr doctor --root /var/www/app/public    what is missing\n"
      "  askr serve --root /var/www/app/public     http://127.0.0.1:8000\n"
      "\nPlugins may add commands; `askr plugins` lists them.\n"
      "`askr COMMAND --help` says more, `askr --version` what this is.\n";
  return out;
}

std::string command_help(const Command& command) {
  std::string out = fmt::format("Usage: askr {}\n\n{}\n\n", command.usage, wrap(command.description, 0));
  out += switches_help(command) + settings_help(command.help_scope);
  if (command.help_scope == HelpScope::none) return out;
  const bool all = command.help_scope == HelpScope::all_settings;
  out += '\n' + wrap(all ? kSettingsNote : "All settings of `askr serve` are accepted here too.", 0) + '\n';
  return out;
}

}  // namespace askr::cli
