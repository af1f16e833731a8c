#include "config/assignment.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/join.hpp"
#include "config/quote.hpp"
#include "config/sidecar.hpp"
#include "config/values.hpp"

namespace askr::config {
namespace {

std::string resolve(const std::string& path, const std::string& folder) {
  if (path.empty() || path == "-" || path[0] == '/') return path;
  std::string_view relative = path;
  while (relative.starts_with("./")) relative.remove_prefix(2);
  if (relative.empty() || relative == ".") return folder;
  // Not normalised further: "a/../b" is not "b" when a is a symlink.
  return fmt::format("{}/{}", folder == "/" ? "" : folder, relative);
}

std::string format_limit(Kind kind, int64_t limit) {
  if (kind == Kind::size) return format_size(static_cast<uint64_t>(limit));
  if (kind == Kind::duration) return format_duration(limit);
  return fmt::format("{}", limit);
}

Result<> check_range(const Option& option, int64_t value, std::string_view text) {
  if (option.maximum == 0 || (value >= option.minimum && value <= option.maximum)) return ok();
  return usage_error(fmt::format("expected {} to {}, got {}", format_limit(option.kind, option.minimum),
                                 format_limit(option.kind, option.maximum), quote(text)));
}

Result<uint64_t> parse_count_or_auto(std::string_view text) {
  if (text == "auto") return uint64_t{0};
  auto number = parse_number(text);
  if (!number) return usage_error("expected a number or \"auto\", got " + quote(text));
  return number;
}

Result<int64_t> parse_boolean(std::string_view text) {
  for (const std::string_view yes : {"true", "on", "yes", "1"}) {
    if (text == yes) return int64_t{1};
  }
  for (const std::string_view no : {"false", "off", "no", "0"}) {
    if (text == no) return int64_t{0};
  }
  return usage_error("expected true or false, got " + quote(text));
}

Result<int64_t> parse_integer(const Option& option, std::string_view text) {
  if (option.kind == Kind::boolean) return parse_boolean(text);
  if (option.kind == Kind::duration) return parse_duration(text);
  if (option.kind == Kind::size) return static_cast<int64_t>(ASKR_TRY(parse_size(text)));
  if (option.kind == Kind::mode) return ASKR_TRY(parse_mode(text));
  if (option.kind == Kind::count_or_auto) return static_cast<int64_t>(ASKR_TRY(parse_count_or_auto(text)));
  return static_cast<int64_t>(ASKR_TRY(parse_number(text)));
}

// "1" is a number there.
std::string_view without_boolean(const Option& option, std::string_view text) {
  if (option.if_true.empty() || text == "1" || text == "0") return text;
  const auto boolean = parse_boolean(text);
  if (!boolean) return text;
  return boolean.value() != 0 ? option.if_true : "0";
}

Result<int64_t> parse_checked(const Option& option, std::string_view given) {
  const std::string_view text = without_boolean(option, given);
  const int64_t value = ASKR_TRY(parse_integer(option, text));
  const bool automatic = option.kind == Kind::count_or_auto && text == "auto";
  if (!automatic) ASKR_TRY(check_range(option, value, text));
  return value;
}

Result<std::string> parse_choice(const Option& option, const std::string& text) {
  const std::vector<std::string> choices = split_list(option.choices, ' ');
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return text;
  return usage_error(fmt::format("expected {}, got {}", join(choices, ", "), quote(text)));
}

// An empty text is most often a variable that nobody has set.
Result<std::string> parse_path(const Option& option, const std::string& text, const std::string& folder) {
  if (text.empty() && (option.needed || option.is_list())) return usage_error("expected a path, got \"\"");
  return resolve(text, folder);
}

Result<std::string> parse_text(const Option& option, const std::string& text, const std::string& folder) {
  if (text.find('\0') != std::string::npos) return usage_error("a NUL character is not allowed");
  if (option.kind == Kind::path || option.kind == Kind::paths) return parse_path(option, text, folder);
  if (option.kind == Kind::choice) return parse_choice(option, text);
  if (option.kind == Kind::networks) return parse_network(text);
  return text;
}

Result<ListenAddress> parse_listen(const std::string& text, const std::string& folder) {
  constexpr size_t kLongestSocketPath = 107;  // sun_path with its NUL
  ListenAddress address = ASKR_TRY(parse_address(text));
  address.unix_path = resolve(address.unix_path, folder);
  if (address.unix_path.size() > kLongestSocketPath) {
    return usage_error(fmt::format("the path of a Unix socket has at most {} bytes, got {}", kLongestSocketPath,
                                   quote(address.unix_path)));
  }
  return address;
}

// Stores the values in the field; the type of the field picks the overload.
struct Writer {
  const Assignment& assignment;

  Result<> operator()(std::string* field) const {
    *field = ASKR_TRY(parse_text(*assignment.option, last(), assignment.folder));
    return ok();
  }
  Result<> operator()(bool* field) const {
    *field = ASKR_TRY(parse_boolean(last())) != 0;
    return ok();
  }
  Result<> operator()(int64_t* field) const {
    *field = ASKR_TRY(parse_checked(*assignment.option, last()));
    return ok();
  }
  Result<> operator()(uint64_t* field) const {
    *field = static_cast<uint64_t>(ASKR_TRY(parse_checked(*assignment.option, last())));
    return ok();
  }
  Result<> operator()(unsigned* field) const {
    const int64_t value = ASKR_TRY(parse_checked(*assignment.option, last()));
    *field = static_cast<unsigned>(value);
    return ok();
  }
  Result<> operator()(std::vector<std::string>* field) const {
    std::vector<std::string> items;
    for (const std::string& text : assignment.values) {
      items.push_back(ASKR_TRY(parse_text(*assignment.option, text, assignment.folder)));
    }
    *field = std::move(items);
    return ok();
  }
  Result<> operator()(std::vector<ListenAddress>* field) const {
    if (assignment.values.empty()) return usage_error("expected at least one address");
    std::vector<ListenAddress> addresses;
    for (const std::string& text : assignment.values) {
      addresses.push_back(ASKR_TRY(parse_listen(text, assignment.folder)));
    }
    *field = std::move(addresses);
    return ok();
  }
  Result<> operator()(std::vector<SidecarSettings>* field) const {
    std::vector<SidecarSettings> sidecars = assignment.sidecars;
    for (const std::string& text : assignment.values) {
      ASKR_TRY(add_sidecar(sidecars, ASKR_TRY(parse_sidecar(text))));
    }
    for (SidecarSettings& sidecar : sidecars) sidecar.folder = resolve(sidecar.folder, assignment.folder);
    *field = std::move(sidecars);
    return ok();
  }

  [[nodiscard]] const std::string& last() const { return assignment.values.back(); }
};

}  // namespace

Result<> assign(const Assignment& assignment, Settings& settings) {
  auto written = std::visit(Writer{assignment}, assignment.option->field(settings));
  if (written) return ok();
  return usage_error(describe_place(assignment.origin, assignment.option->path) + written.error().message);
}

std::string describe_place(const Origin& origin, std::string_view option_path) {
  if (origin.source == Source::file) return fmt::format("{}: {}: ", origin.place, option_path);
  if (origin.source == Source::default_value) return fmt::format("{}: ", option_path);
  return origin.place + ": ";
}

Error join_problems(const std::vector<std::string>& problems) {
  return usage_error(join(problems, "\n"));
}

}  // namespace askr::config
