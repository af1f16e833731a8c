#include "config/settings.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace askr::config {
namespace {

std::string host_and_port(std::string_view host, uint16_t port) {
  const bool v6 = host.find(':') != std::string_view::npos;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

// The wildcard addresses are fine to bind to, not to click on.
std::string_view clickable_host(std::string_view host) {
  if (host == "0.0.0.0") return "127.0.0.1";
  if (host == "::") return "::1";
  return host;
}

}  // namespace

std::string ListenAddress::text() const {
  return unix_path.empty() ? host_and_port(host, port) : "unix:" + unix_path;
}

std::string ListenAddress::url() const {
  return unix_path.empty() ? "http://" + host_and_port(clickable_host(host), port) : text();
}

bool PluginSettings::is_disabled(std::string_view name) const {
  return std::find(disable.begin(), disable.end(), name) != disable.end();
}

bool PluginSettings::is_required(std::string_view name) const {
  return std::find(required.begin(), required.end(), name) != required.end();
}

}  // namespace askr::config
