#include "config/sidecar.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/join.hpp"
#include "config/quote.hpp"

namespace askr::config {
namespace {

constexpr size_t kLongestName = 24;  // so that it fits the table of `askr status`

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::string format_sidecar(const SidecarSettings& sidecar) {
  const std::string command = sidecar.shell.empty() ? quoted_list(sidecar.words) : quote(sidecar.shell);
  return fmt::format("{{ name = {}, command = {}, folder = {} }}", quote(sidecar.name), command, quote(sidecar.folder));
}

}  // namespace

Result<SidecarSettings> parse_sidecar(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return usage_error("expected NAME=COMMAND, got " + quote(text));
  if (text.find('\0') != std::string_view::npos) return usage_error("a NUL character is not allowed");
  SidecarSettings sidecar;
  sidecar.name = text.substr(0, equals);
  sidecar.shell = text.substr(equals + 1);
  return sidecar;
}

Result<> add_sidecar(std::vector<SidecarSettings>& sidecars, SidecarSettings added) {
  if (added.name.empty()) return usage_error("a name is missing");
  if (!is_name(added.name)) {
    return usage_error(fmt::format("expected a name of a-z, 0-9 and - with at most {} letters, got {}", kLongestName,
                                   quote(added.name)));
  }
  const bool nothing_to_run = added.words.empty() || added.words.front().empty();
  if (added.shell.empty() && nothing_to_run) return usage_error("a command is missing for " + quote(added.name));
  const auto same = [&](const SidecarSettings& other) { return other.name == added.name; };
  if (std::any_of(sidecars.begin(), sidecars.end(), same)) {
    return usage_error("the name " + quote(added.name) + " is given twice");
  }
  sidecars.push_back(std::move(added));
  return ok();
}

std::string format_sidecars(const std::vector<SidecarSettings>& sidecars) {
  std::vector<std::string> tables;
  tables.reserve(sidecars.size());
  for (const SidecarSettings& sidecar : sidecars) tables.push_back(format_sidecar(sidecar));
  return fmt::format("[{}]", join(tables, ", "));
}

}  // namespace askr::config
