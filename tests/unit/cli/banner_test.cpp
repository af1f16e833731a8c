#include "cli/banner.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace askr;
using namespace askr::cli;

process::StartReport sample_report() {
  process::StartReport report;
  report.php_version = "8.2.36";
  report.opcache_installed = report.opcache_enabled = true;
  report.workers = 4;
  report.gateways = 1;
  report.urls = {"http://127.0.0.1:8000", "http://[::1]:8000"};
  report.plugins = {"static", "access-log"};
  report.warnings = {"xdebug is loaded"};
  report.boot_ns = 120 * kMillisecond;
  return report;
}

config::Settings sample_settings() {
  config::Settings settings;
  settings.server.root = "/srv/app/public";
  return settings;
}

TEST_CASE("the banner tells where to click, what runs and what to mend") {
  CHECK(banner(sample_report(), sample_settings(), Colors::off) ==
        "Askr " ASKR_VERSION
        " with PHP 8.2.36 (opcache on, JIT off), ready in 120 ms\n"
        "\n"
        "  http://127.0.0.1:8000\n"
        "  http://[::1]:8000\n"
        "\n"
        "  root      /srv/app/public\n"
        "  mode      per request, index.php\n"
        "  runs      4 workers, 1 gateway\n"
        "  plugins   static, access-log\n"
        "\n"
        "warning: xdebug is loaded\n");
}

TEST_CASE("worker mode names its script, a missing opcache is not hidden") {
  process::StartReport report = sample_report();
  report.opcache_installed = report.opcache_enabled = false;
  config::Settings settings = sample_settings();
  settings.worker.script = "/srv/app/worker.php";
  const std::string text = banner(report, settings, Colors::off);
  CHECK(text.find("worker, /srv/app/worker.php") != std::string::npos);
  CHECK(text.find("8.2.36 (opcache not loaded)") != std::string::npos);
}

TEST_CASE("colours are escape sequences only when asked for") {
  CHECK(banner(sample_report(), sample_settings(), Colors::off).find('\x1b') == std::string::npos);
  CHECK(banner(sample_report(), sample_settings(), Colors::on).find('\x1b') != std::string::npos);
}

}  // namespace
