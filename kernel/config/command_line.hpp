// The words after `askr COMMAND`: settings (--workers 4, --workers=4), --config FILE, the command's own switches and
// operands such as a file name.
#pragma once

#include <string>
#include <vector>

#include "config/assignment.hpp"

namespace askr::config {

struct CommandLine {
  std::vector<Assignment> assignments;
  std::string config_file;            // of --config, as written; empty: none
  std::vector<std::string> switches;  // those given, "--json"
  std::vector<std::string> operands;

  [[nodiscard]] bool has_switch(std::string_view name) const;
};

// `switches` are flags without a value that this command knows; `most_operands` is how many other words it takes.
// Relative paths start at `folder`. Errors: an unknown flag (with the nearest one), a missing value, a word too many.
Result<CommandLine> parse_command_line(const std::vector<std::string>& words, const std::vector<std::string>& switches,
                                       size_t most_operands, const std::string& folder);

// What a repeatable flag was given, in words that were not checked yet.
std::vector<std::string> peek_flag(const std::vector<std::string>& words, std::string_view flag);

}  // namespace askr::config
