#include "cli/banner.hpp"

#include <fmt/core.h>

#include "base/clock.hpp"
#include "base/join.hpp"

namespace askr::cli {
namespace {

std::string count(unsigned number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::string opcache_text(const process::StartReport& report, Colors colors) {
  if (!report.opcache_installed) return yellow("opcache not loaded", colors);
  if (!report.opcache_enabled) return yellow("opcache off", colors);
  return report.jit_enabled ? "opcache on, JIT on" : "opcache on, JIT off";
}

std::string mode_text(const process::StartReport& report, const config::Settings& settings) {
  const config::WorkerSettings& worker = settings.worker;
  std::string text = settings.worker_mode() ? "worker, " + worker.script : "per request, " + settings.server.front;
  if (!report.has_front)
    text = fmt::format("per request, no {}: scripts and files by their paths", settings.server.front);
  if (!worker.preload_script.empty()) text += ", preloads " + worker.preload_script;
  if (settings.isolates())
    return text + (settings.rewinds() ? ", rewound after each request" : ", a process for each request");
  if (settings.boots_in_template()) text += ", forked from the template";
  if (report.preloaded_classes > 0) text += fmt::format(", {} classes preloaded", report.preloaded_classes);
  return worker.paranoid ? text + ", paranoid: looks for state that requests leave behind" : text;
}

std::string row(std::string_view name, std::string_view text) {
  return fmt::format("  {:<10}{}\n", name, text);
}

}  // namespace

std::string banner(const process::StartReport& report, const config::Settings& settings, Colors colors) {
  std::string out = bold("Askr " ASKR_VERSION, colors);
  out += fmt::format(" with PHP {} ({}), ready in {} ms\n\n", report.php_version, opcache_text(report, colors),
                     report.boot_ns / kMillisecond);
  for (const std::string& url : report.urls) out += "  " + bold(url, colors) + "\n";
  out += '\n';
  out += row("root", settings.server.root);
  out += row("mode", mode_text(report, settings));
  out += row("runs", count(report.workers, "worker") + ", " + count(report.gateways, "gateway"));
  if (!report.plugins.empty()) out += row("plugins", join(report.plugins, ", "));
  if (!settings.config_file.empty()) out += row("settings", settings.config_file);
  out += '\n';
  for (const std::string& warning : report.warnings) out += yellow("warning: ", colors) + warning + "\n";
  return out;
}

}  // namespace askr::cli
