#include "config/toml_file.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <toml.hpp>

#include "config/nearest.hpp"
#include "config/quote.hpp"
#include "config/reserved.hpp"
#include "config/sidecar.hpp"
#include "config/toml_guard.hpp"
#include "config/values.hpp"

namespace askr::config {
namespace {

constexpr size_t kLargestFile = 1 << 20;

// ---------------------------------------------------------------- toml11 3 and 4

struct Place {
  unsigned line = 0;
  std::string text;  // of that line
};

#if TOML11_VERSION_MAJOR < 4
const std::string& text_of(const toml::value& value) {
  return value.as_string().str;
}

unsigned line_of(const toml::value& value) {
  return value.location().line();
}

Place place_of(const toml::syntax_error& problem) {
  return {problem.location().line(), problem.location().line_str()};
}

std::string title_of(const toml::syntax_error& problem) {
  return problem.what();
}
#else
const std::string& text_of(const toml::value& value) {
  return value.as_string();
}

unsigned line_of(const toml::value& value) {
  return static_cast<unsigned>(value.location().first_line_number());
}

Place place_of(const toml::syntax_error& problem) {
  for (const toml::error_info& error : problem.errors()) {
    for (const auto& [where, what] : error.locations()) {
      return {static_cast<unsigned>(where.first_line_number()), where.first_line()};
    }
  }
  return {};
}

std::string title_of(const toml::syntax_error& problem) {
  return problem.errors().empty() ? problem.what() : problem.errors().front().title();
}
#endif

// ----------------------------------------------------------------

class TomlReader {
 public:
  TomlReader(const std::string& shown, const std::string& folder) : shown_(shown), folder_(folder) {}

  void read_root(const toml::value& root) {
    for (const auto& [name, value] : root.as_table()) {
      const Option* option = find_option(name);
      if (option != nullptr) {
        read_sidecars(*option, value);
      } else if (value.is_table() && is_section(name)) {
        read_section(name, value);
      } else if (is_reserved_path(name)) {
        report(value, name, "not part of this build");
      } else if (value.is_table() && is_about_php(name)) {
        report(value, name, "unknown section: settings of PHP are lines of [worker] ini" + example_of(value));
      } else if (value.is_table()) {
        report(value, name, "unknown section" + suggestion(name, section_names()));
      } else {
        report(value, name, "unknown key" + suggest_path(name));
      }
    }
  }

  std::vector<Assignment> assignments;
  std::vector<std::pair<unsigned, std::string>> problems;  // line, message

 private:
  static bool is_section(std::string_view name) {
    for (const Option& option : options()) {
      if (option.section() == name) return true;
    }
    return false;
  }

  static bool is_about_php(std::string_view section) {
    return section == "php" || section == "ini" || section == "php.ini" || section == "php_value" ||
           section == "php_admin_value";
  }

  // ", as ini = [ "memory_limit=512M" ]": what was meant, in its place.
  static std::string example_of(const toml::value& table) {
    std::vector<std::string> lines;
    for (const auto& [key, value] : table.as_table()) {
      if (value.is_table() || value.is_array()) continue;
      const std::string text = value.is_string() ? text_of(value) : describe(value);
      lines.push_back(quote(key + "=" + text));
    }
    std::sort(lines.begin(), lines.end());
    return lines.empty() ? "" : fmt::format(": ini = [{}]", fmt::join(lines, ", "));
  }

  static std::vector<std::string> section_names() {
    std::vector<std::string> names;
    for (const Option& option : options()) names.emplace_back(option.section());
    return names;
  }

  // A key in the wrong section is worth more than a similar name.
  static std::string suggest_path(std::string_view path) {
    const std::string_view key = path.substr(path.find('.') + 1);
    for (const Option& option : options()) {
      if (option.key() == key) return fmt::format(", did you mean {}?", option.path);
    }
    return suggestion(path, option_paths());
  }

  void read_section(const std::string& section, const toml::value& table) {
    for (const auto& [key, value] : table.as_table()) {
      const std::string path = section + "." + key;
      if (const Option* option = find_option(path)) {
        read_option(*option, value);
      } else if (is_reserved_path(path)) {
        report(value, path, "not part of this build");
      } else {
        report(value, path, "unknown key" + suggest_path(path));
      }
    }
  }

  void read_option(const Option& option, const toml::value& value) {
    auto values = option.is_list() ? list_values(option, value) : one_value(option, value);
    if (!values) {
      report(value, option.path, values.error().message);
      return;
    }
    const Origin origin{Source::file, fmt::format("{}:{}", shown_, line_of(value)), {}};
    assignments.push_back({&option, std::move(values).value(), origin, folder_});
  }

  // [[sidecar]]: the one option that is a list of tables.
  void read_sidecars(const Option& option, const toml::value& value) {
    if (!value.is_array()) {
      report(value, option.path, "expected [[sidecar]], got " + describe(value));
      return;
    }
    const Origin origin{Source::file, fmt::format("{}:{}", shown_, line_of(value)), {}};
    Assignment assignment{&option, {}, origin, folder_};
    for (const toml::value& table : value.as_array()) {
      if (!table.is_table()) {
        report(table, option.path, "expected [[sidecar]], got " + describe(table));
      } else if (const auto sidecar = read_sidecar(table)) {
        auto added = add_sidecar(assignment.sidecars, *sidecar);
        if (!added) report(table, option.path, added.error().message);
      }
    }
    assignments.push_back(std::move(assignment));
  }

  std::optional<SidecarSettings> read_sidecar(const toml::value& table) {
    const size_t problems_before = problems.size();
    SidecarSettings sidecar;
    for (const auto& [key, value] : table.as_table()) {
      if (key == "command" && value.is_array()) {
        read_words(value, sidecar.words);
      } else if (key == "command") {
        read_text(value, "sidecar.command", "a string or a list of strings", sidecar.shell);
      } else if (key == "name") {
        read_text(value, "sidecar.name", "a string", sidecar.name);
      } else if (key == "folder") {
        read_text(value, "sidecar.folder", "a string", sidecar.folder);
      } else {
        const std::string path = "sidecar." + key;
        report(value, path, "unknown key" + suggestion(path, {"sidecar.name", "sidecar.command", "sidecar.folder"}));
      }
    }
    if (problems.size() > problems_before) return std::nullopt;
    return sidecar;
  }

  void read_words(const toml::value& list, std::vector<std::string>& words) {
    for (const toml::value& item : list.as_array()) {
      words.emplace_back();
      read_text(item, "sidecar.command", "a string or a list of strings", words.back());
    }
  }

  void read_text(const toml::value& value, std::string_view path, std::string_view wanted, std::string& text) {
    if (!value.is_string()) {
      report(value, path, fmt::format("expected {}, got {}", wanted, describe(value)));
    } else if (text_of(value).find('\0') != std::string::npos) {
      report(value, path, "a NUL character is not allowed");
    } else {
      text = text_of(value);
    }
  }

  static Result<std::vector<std::string>> one_value(const Option& option, const toml::value& value) {
    return std::vector<std::string>{ASKR_TRY(scalar(option, value))};
  }

  static Result<std::vector<std::string>> list_values(const Option& option, const toml::value& value) {
    std::vector<std::string> items;
    if (!value.is_array()) {
      if (!value.is_string()) return usage_error("expected a list of strings, got " + describe(value));
      return split_list(text_of(value), option.separator);
    }
    for (const toml::value& item : value.as_array()) {
      if (!item.is_string()) return usage_error("expected a list of strings, got " + describe(item) + " in it");
      items.push_back(text_of(item));
    }
    return items;
  }

  static Result<std::string> scalar(const Option& option, const toml::value& value) {
    const bool numeric = option.kind == Kind::number || option.kind == Kind::count_or_auto ||
                         option.kind == Kind::size || option.kind == Kind::duration;
    if (value.is_string()) return text_of(value);
    const bool may_be_boolean = option.kind == Kind::boolean || !option.if_true.empty();
    if (may_be_boolean && value.is_boolean()) return std::string(value.as_boolean() ? "true" : "false");
    if (numeric && value.is_integer()) return std::to_string(value.as_integer());
    if (option.kind == Kind::duration && value.is_floating()) return fmt::format("{:.6f}", value.as_floating());
    return usage_error(fmt::format("expected {}, got {}", wanted(option.kind), describe(value)));
  }

  static std::string_view wanted(Kind kind) {
    switch (kind) {
      case Kind::number:
        return "a number";
      case Kind::count_or_auto:
        return "a number or \"auto\"";
      case Kind::size:
        return "a size such as \"16M\"";
      case Kind::duration:
        return "a duration such as \"60s\"";
      case Kind::mode:
        return "access rights in octal such as \"0660\"";
      case Kind::boolean:
        return "true or false";
      default:
        return "a string";
    }
  }

  static std::string describe(const toml::value& value) {
    if (value.is_string()) return quote(text_of(value));
    if (value.is_integer()) return std::to_string(value.as_integer());
    if (value.is_boolean()) return value.as_boolean() ? "true" : "false";
    if (value.is_floating()) return fmt::format("{}", value.as_floating());
    if (value.is_array()) return "a list";
    return value.is_table() ? "a table" : "a date or time";
  }

  void report(const toml::value& value, std::string_view path, const std::string& message) {
    const unsigned line = line_of(value);
    problems.emplace_back(line, fmt::format("{}:{}: {}: {}", shown_, line, path, message));
  }

  const std::string& shown_;
  const std::string& folder_;
};

// `root = proj`: ", did you mean root = "proj"?"
std::string missing_quotes(std::string_view line) {
  const size_t equals = line.find('=');
  const size_t end = line.find_last_not_of(" \t\r");
  const size_t start = line.find_first_not_of(" \t", equals == std::string_view::npos ? line.size() : equals + 1);
  if (equals == std::string_view::npos || start == std::string_view::npos || start > end) return {};
  const std::string_view value = line.substr(start, end - start + 1);
  if (value.find_first_of("\"'[]{},=#") != std::string_view::npos) return {};
  const std::string_view key = line.substr(0, line.find_last_not_of(" \t", equals - 1) + 1);
  return fmt::format(", did you mean {} = {}?", key.substr(std::min(key.find_first_not_of(" \t"), key.size())),
                     quote(value));
}

// The first line of toml11's message without its decoration, and the line of the file that it is about.
std::string syntax_problem(const toml::syntax_error& problem, const std::string& shown) {
  const std::string title = title_of(problem);
  std::string_view what = title;
  what = what.substr(0, what.find('\n'));
  if (what.starts_with("[error] ")) what.remove_prefix(8);
  const size_t function_end = what.find(": ");
  if (what.starts_with("toml::") && function_end != std::string_view::npos) what.remove_prefix(function_end + 2);
  while (what.ends_with('.') || what.ends_with(' ')) what.remove_suffix(1);
  const auto [line, text] = place_of(problem);
  return fmt::format("{}:{}: not valid TOML: {}: {}{}", shown, line, what, quote(text), missing_quotes(text));
}

Given unreadable(std::string why) {
  return {{}, {std::move(why)}};
}

// A byte more than is allowed at most, so that parse_toml() sees that there is more.
Result<std::string> read_text(const std::string& path, const std::string& shown) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return usage_error("cannot read " + shown + ": is a directory");
  std::ifstream file(path, std::ios::binary);
  if (!file) return usage_error(system_error("cannot read " + shown).message);
  std::string text(kLargestFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace

Given parse_toml(const std::string& text, const std::string& shown, const std::string& folder) {
  if (text.size() > kLargestFile) return unreadable(shown + ": larger than 1M, this cannot be a configuration");
  if (is_nested_too_deep(text)) return unreadable(shown + ": nested too deep");
  if (const size_t line = first_line_not_utf8(text)) return unreadable(fmt::format("{}:{}: not UTF-8", shown, line));
  TomlReader reader(shown, folder);
  try {
    std::istringstream stream(text);
    reader.read_root(toml::parse(stream, shown));
  } catch (const toml::syntax_error& problem) {
    return unreadable(syntax_problem(problem, shown));
  } catch (const std::exception& problem) {
    return unreadable(shown + ": not valid TOML: " + problem.what());
  }
  std::sort(reader.problems.begin(), reader.problems.end());
  Given given{std::move(reader.assignments), {}};
  for (auto& [line, message] : reader.problems) given.problems.push_back(std::move(message));
  return given;
}

std::vector<std::string> peek_toml_list(const std::string& path, const std::string& section, const std::string& key) {
  std::vector<std::string> items;
  const auto text = read_text(path, path);
  if (!text || is_nested_too_deep(text.value())) return {};
  try {
    std::istringstream stream(text.value());
    const toml::value root = toml::parse(stream, path);
    const toml::value& value = toml::find(root, section, key);
    if (value.is_string()) return split_list(text_of(value), ',');
    for (const toml::value& item : value.as_array()) items.push_back(text_of(item));
  } catch (const std::exception&) {
    return {};  // what is wrong with it will be said when the file is read
  }
  return items;
}

Given read_toml_file(const std::string& path, const std::string& shown) {
  const auto text = read_text(path, shown);
  if (!text) return unreadable(text.error().message);
  const std::string folder = std::filesystem::path(path).parent_path();
  return parse_toml(text.value(), shown, folder.empty() ? "/" : folder);
}

}  // namespace askr::config
