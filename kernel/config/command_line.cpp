#include "config/command_line.hpp"

#include <algorithm>
#include <filesystem>

#include "config/nearest.hpp"
#include "config/quote.hpp"
#include "config/reserved.hpp"
#include "config/values.hpp"
#include "config/word_reader.hpp"

namespace askr::config {
namespace {

Error unknown_flag(const std::string& flag, const std::vector<std::string>& switches) {
  if (is_reserved_flag(flag)) return usage_error(flag + ": not part of this build");
  std::vector<std::string> known = option_flags();
  known.emplace_back("--config");
  known.emplace_back("--help");
  known.insert(known.end(), switches.begin(), switches.end());
  return usage_error(flag + ": unknown flag" + suggestion(flag, known));
}

// `askr serve public`.
std::string meant_by(const std::string& word, const std::string& folder) {
  std::error_code ignored;
  if (std::filesystem::is_directory(std::filesystem::path(folder) / word, ignored)) {
    return ", did you mean --root " + word + "?";
  }
  if (word.ends_with(".toml")) return ", did you mean --config " + word + "?";
  return {};
}

// A list flag given again adds to the list, any other replaces what was said before.
void add_assignment(const Option& option, const std::string& value, const std::string& folder, CommandLine& line) {
  std::vector<std::string> values{value};
  if (option.is_list()) values = split_list(value, option.separator);
  for (Assignment& earlier : line.assignments) {
    if (earlier.option != &option) continue;
    if (!option.is_list()) earlier.values.clear();
    earlier.values.insert(earlier.values.end(), values.begin(), values.end());
    return;
  }
  line.assignments.push_back({&option, std::move(values), {Source::flag, std::string(option.flag), {}}, folder});
}

}  // namespace

bool CommandLine::has_switch(std::string_view name) const {
  return std::find(switches.begin(), switches.end(), name) != switches.end();
}

std::vector<std::string> peek_flag(const std::vector<std::string>& words, std::string_view flag) {
  std::vector<std::string> values;
  WordReader reader(words);
  while (!reader.done()) {
    if (reader.take() != flag) continue;
    if (auto value = reader.take_value(std::string(flag))) {
      for (std::string& each : split_list(value.value(), ',')) values.push_back(std::move(each));
    }
  }
  return values;
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& words, const std::vector<std::string>& switches,
                                       size_t most_operands, const std::string& folder) {
  CommandLine line;
  WordReader reader(words);
  while (!reader.done()) {
    const std::string word = reader.take();
    if (std::find(switches.begin(), switches.end(), word) != switches.end()) {
      if (reader.has_attached()) return usage_error(word + ": takes no value");
      line.switches.push_back(word);
    } else if (word == "--config") {
      line.config_file = ASKR_TRY(reader.take_value(word));
      if (line.config_file.empty()) return usage_error("--config: a value is missing");
    } else if (const Option* option = find_flag(word)) {
      const bool plain = option->kind == Kind::boolean && !reader.has_attached();
      add_assignment(*option, plain ? "true" : ASKR_TRY(reader.take_value(word)), folder, line);
    } else if (word.size() > 1 && word[0] == '-') {
      return unknown_flag(word, switches);
    } else if (line.operands.size() == most_operands) {
      return usage_error("unexpected word " + quote(word) + meant_by(word, folder));
    } else {
      line.operands.push_back(word);
    }
  }
  return line;
}

}  // namespace askr::config
