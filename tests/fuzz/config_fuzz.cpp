// askr.toml, flags and environment values from arbitrary bytes: no crash, no hang, and what is accepted can be printed
// and read again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/assignment.hpp"
#include "config/command_line.hpp"
#include "config/environment.hpp"
#include "config/toml_file.hpp"

namespace {

using namespace askr::config;

void check_printed_form(const Assignment& assignment, Settings& settings) {
  const Option& option = *assignment.option;
  const std::string printed = format_field(option, settings);
  // A path may have any bytes; TOML is UTF-8.
  if (std::any_of(printed.begin(), printed.end(), [](char c) { return static_cast<unsigned char>(c) > 0x7f; })) return;
  const std::string text =
      "[" + std::string(option.section()) + "]\n" + std::string(option.key()) + " = " + printed + "\n";
  const auto again = parse_toml(text, "again", "/");
  Settings settings_again;
  if (!again.problems.empty() || again.assignments.size() != 1) std::abort();
  if (!assign(again.assignments.front(), settings_again)) std::abort();
  if (format_field(option, settings_again) != printed) std::abort();
}

void assign_each(const std::vector<Assignment>& assignments) {
  for (const Assignment& assignment : assignments) {
    Settings settings;
    if (assign(assignment, settings)) check_printed_form(assignment, settings);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  assign_each(parse_toml(text, "askr.toml", "/srv").assignments);

  const size_t cut = text.find('\n');
  const std::string first = text.substr(0, cut), rest = cut == std::string::npos ? "" : text.substr(cut + 1);
  if (auto line = parse_command_line({first, rest}, {"--json"}, 1, "/srv")) assign_each(line.value().assignments);
  assign_each(read_environment({{first, rest}}, "/srv").assignments);
  return 0;
}
