#include "cli/status_table.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace askr::cli {
namespace {

using Json = nlohmann::json;

// Absent or of another type, as from an older server: a blank instead of an error.
uint64_t number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<uint64_t>() : 0;
}

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "?";
}

std::string addresses(const Json& status) {
  std::string out;
  const auto found = status.find("listen");
  if (found == status.end() || !found->is_array()) return out;
  for (const Json& address : *found) {
    if (address.is_string()) out += (out.empty() ? "" : ", ") + address.get<std::string>();
  }
  return out;
}

std::string uptime(uint64_t seconds) {
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m {:02}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h {:02}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d {:02}h", seconds / 86400, seconds / 3600 % 24);
}

std::string memory(uint64_t kilobytes) {
  return kilobytes < 10240 ? fmt::format("{} KB", kilobytes) : fmt::format("{} MB", kilobytes / 1024);
}

// " (2 to 16)" when their number adapts to the load.
std::string range(const Json& status) {
  const uint64_t minimum = number(status, "workers_min");
  const uint64_t maximum = number(status, "workers_max");
  return minimum < maximum ? fmt::format(" ({} to {})", minimum, maximum) : "";
}

// "worker mode, rewound"
std::string mode(const Json& status) {
  std::string name = text(status, "mode");
  return name.insert(std::min(name.find(','), name.size()), " mode");
}

// What ending the server would give back: memory that processes share counts once.
uint64_t memory_in_all(const Json& processes) {
  uint64_t kilobytes = 0;
  for (const Json& process : processes) {
    if (process.is_object()) kilobytes += number(process, "pss_kb");
  }
  return kilobytes;
}

// Queued requests that were dropped because their clients had gone.
std::string shed(const Json& status) {
  const uint64_t count = number(status, "shed");
  return count == 0 ? "" : fmt::format(" ({} dropped)", count);
}

// Workers that a fork had to take the place of: a line for each reason, the most frequent one first.
std::string not_rewound(const Json& status) {
  const auto rewinding = status.find("rewinding");
  if (rewinding == status.end() || !rewinding->is_object()) return "";
  std::vector<std::pair<uint64_t, std::string>> reasons;
  if (const auto found = rewinding->find("reasons"); found != rewinding->end() && found->is_object()) {
    for (const auto& [reason, count] : found->items()) reasons.emplace_back(number(*found, reason.c_str()), reason);
  }
  std::sort(reasons.rbegin(), reasons.rend());
  std::string out;
  for (const auto& [count, reason] : reasons) out += fmt::format("{} not rewound: {}\n", count, reason);
  const auto forks = rewinding->find("forks_each");
  const bool forks_each = forks != rewinding->end() && forks->is_boolean() && forks->get<bool>();
  return out + (forks_each ? "each request has a process of its own for now\n" : "");
}

// New generations because workers died in a row.
std::string renewals(const Json& status) {
  const uint64_t count = number(status, "renewals");
  return count == 0 ? "" : fmt::format(" ({} new generation{} for it)", count, count == 1 ? "" : "s");
}

std::string headline(const Json& status, const Json& processes) {
  std::string out = fmt::format("askr {} on {}\n{}, generation {}, up {}\n", text(status, "version"), addresses(status),
                                mode(status), number(status, "generation"), uptime(number(status, "uptime_secs")));
  out += fmt::format("{} of {} workers{}, {} queued{}, {} respawned{}, {} in all\n", number(status, "workers_alive"),
                     number(status, status.contains("workers_target") ? "workers_target" : "workers_configured"),
                     range(status), number(status, "queue_depth"), shed(status), number(status, "respawns"),
                     renewals(status), memory(memory_in_all(processes)));
  out += not_rewound(status);
  return out + "\n";
}

constexpr const char* kRow = "{:<{}}{:>8}  {:<8}{:>5}{:>7}{:>10}{:>9}{:>9}{:>9}\n";
constexpr size_t kNarrowestName = 12;

std::string process_name(const Json& process) {
  const std::string role = text(process, "role");
  if (role == "sidecar") return text(process, "name");
  const bool numbered = role == "worker" || role == "gateway";
  return numbered ? fmt::format("{} {}", role, number(process, "index")) : role;
}

size_t name_width(const Json& processes) {
  size_t width = kNarrowestName;
  for (const Json& process : processes) {
    if (process.is_object()) width = std::max(width, process_name(process).size() + 1);
  }
  return width;
}

// Clients are the gateways' business.
std::string connections(const Json& process) {
  return text(process, "role") == "gateway" ? fmt::format("{}", number(process, "connections")) : "-";
}

std::string process_row(const Json& process, size_t width) {
  return fmt::format(kRow, process_name(process), width, number(process, "pid"), text(process, "state"),
                     number(process, "generation"), connections(process), number(process, "requests"),
                     memory(number(process, "rss_kb")), memory(number(process, "pss_kb")),
                     uptime(number(process, "uptime_secs")));
}

}  // namespace

Result<std::string> status_table(const std::string& json) {
  const Json status = Json::parse(json, nullptr, false);
  const auto processes = status.is_object() ? status.find("processes") : status.end();
  if (!status.is_object() || processes == status.end() || !processes->is_array()) {
    return Error{"the server's answer makes no sense: " + json.substr(0, 80)};
  }
  const size_t width = name_width(*processes);
  std::string out = headline(status, *processes);
  out += fmt::format(kRow, "PROCESS", width, "PID", "STATE", "GEN", "CONNS", "REQUESTS", "RSS", "PSS", "UPTIME");
  for (const Json& process : *processes) {
    if (process.is_object()) out += process_row(process, width);
  }
  return out;
}

}  // namespace askr::cli
