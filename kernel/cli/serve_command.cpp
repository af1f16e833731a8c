#include <spdlog/fmt/fmt.h>

#include <cstdio>

#include "cli/banner.hpp"
#include "cli/command.hpp"
#include "cli/exposed_root.hpp"
#include "cli/server_plan.hpp"
#include "config/account.hpp"
#include "config/control_path.hpp"
#include "config/load.hpp"
#include "process/serve.hpp"

namespace askr::cli {

namespace {

// php-fpm refuses root without -R.
process::StartReport with_warnings(process::StartReport report, const config::Loaded& loaded) {
  report.warnings.insert(report.warnings.end(), loaded.warnings.begin(), loaded.warnings.end());
  if (config::runs_php_as_root(loaded.settings)) {
    report.warnings.emplace_back("PHP runs as root: use User= in the unit, or server.user (--user)");
  }
  return report;
}

constexpr std::string_view kServesAll = "--yes-serve-this";

// A database or a log is fetched once and for all.
Result<> refuse_exposed_root(const config::Loaded& loaded) {
  const ExposedRoot exposed = examine_root(loaded.settings.server.root);
  if (!exposed.is_exposed()) return ok();
  return usage_error(fmt::format("{}{} is a whole project: {}; serve {}, or add {}",
                                 config::describe_place(loaded.origin("server.root"), "server.root"),
                                 loaded.settings.server.root, exposed.what(), exposed.meant, kServesAll));
}

}  // namespace

Result<int> run_serve(const Invocation& invocation) {
  const process::ServerPlan plan = ASKR_TRY(plan_server(invocation));
  const config::Loaded& loaded = plan.loaded;
  ASKR_TRY(config::check_right_to_change_user(loaded));
  ASKR_TRY(config::check_files(loaded));
  if (!invocation.line.has_switch(kServesAll)) ASKR_TRY(refuse_exposed_root(loaded));
  const config::Settings& settings = loaded.settings;
  const bool derived = loaded.origin("server.control").source == config::Source::default_value;
  if (derived) ASKR_TRY(config::prepare_runtime_folder());
  // Whoever reads the access log from standard output wants JSON lines there and nothing else.
  std::FILE* stream = settings.server.access_log == "-" ? stderr : stdout;
  return process::serve(plan, [&](const process::StartReport& report) {
    std::fputs(banner(with_warnings(report, loaded), settings, colors_of(stream)).c_str(), stream);
    std::fflush(stream);
  });
}

}  // namespace askr::cli
