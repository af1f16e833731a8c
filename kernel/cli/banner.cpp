#include "cli/banner.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>

#include "base/clock.hpp"

namespace askr::cli {
namespace {

std::string count(unsigned number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::string php_text(const process::StartReport& report, Colors colors) {
  if (!report.opcache_installed) return report.php_version + ", " + yellow("opcache not installed", colors);
  if (!report.opcache_enabled) return report.php_version + ", " + yellow("opcache off", colors);
  return report.php_version + ", opcache on, JIT " + (report.jit_enabled ? "on" : "off");
}

std::string mode_text(const config::Settings& settings) {
  if (settings.worker_mode()) return "worker, " + settings.worker.script;
  return "per request, " + settings.server.front;
}

std::string row(std::string_view name, std::string_view text) {
  return fmt::format("  {:<10}{}\n", name, text);
}

}  // namespace

std::string banner(const process::StartReport& report, const config::Settings& settings, Colors colors) {
  std::string out = bold("Askr " ASKR_VERSION, colors);
  out += fmt::format(", ready in {} ms\n\n", report.boot_ns / kMillisecond);
  for (const std::string& url : report.urls) out += "  " + bold(url, colors) + "\n";
  out += '\n';
  out += row("PHP", php_text(report, colors));
  out += row("root", settings.server.root);
  out += row("mode", mode_text(settings));
  out += row("runs", count(report.workers, "worker") + ", " + count(report.gateways, "gateway"));
  if (!report.plugins.empty()) out += row("plugins", fmt::format("{}", fmt::join(report.plugins, ", ")));
  if (!settings.config_file.empty()) out += row("settings", settings.config_file);
  out += '\n';
  for (const std::string& warning : report.warnings) out += yellow("warning: ", colors) + warning + "\n";
  return out;
}

}  // namespace askr::cli
