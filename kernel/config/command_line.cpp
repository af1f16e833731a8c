#include "config/command_line.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "config/nearest.hpp"
#include "config/quote.hpp"
#include "config/reserved.hpp"
#include "config/values.hpp"

namespace askr::config {
namespace {

// A flag as one word ("--workers=4") or as two; knows which word comes next.
class WordReader {
 public:
  explicit WordReader(const std::vector<std::string>& words) : words_(words) {}

  [[nodiscard]] bool done() const { return next_ == words_.size(); }

  std::string take() {
    std::string word = words_[next_++];
    attached_.reset();
    const size_t equals = word.find('=');
    if (word.starts_with("--") && equals != std::string::npos) {
      attached_ = word.substr(equals + 1);
      word.resize(equals);
    }
    return word;
  }

  [[nodiscard]] bool has_attached() const { return attached_.has_value(); }

  Result<std::string> take_value(const std::string& flag) {
    if (attached_) return *attached_;
    const bool looks_like_flag = !done() && words_[next_].starts_with("--");
    if (done() || looks_like_flag) return usage_error(flag + ": a value is missing");
    return words_[next_++];
  }

 private:
  const std::vector<std::string>& words_;
  size_t next_ = 0;
  std::optional<std::string> attached_;
};

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
