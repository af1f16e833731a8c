#include <unistd.h>

#include <cstdio>

#include "cli/banner.hpp"
#include "cli/command.hpp"
#include "cli/server_plan.hpp"
#include "config/control_path.hpp"
#include "config/load.hpp"
#include "process/serve.hpp"

namespace askr::cli {

namespace {

// php-fpm refuses that without -R.
process::StartReport with_warning_to_root(process::StartReport report) {
  if (::geteuid() == 0) report.warnings.emplace_back("PHP runs as root: use User= in the unit, or setpriv or su");
  return report;
}

}  // namespace

Result<int> run_serve(const Invocation& invocation) {
  const process::ServerPlan plan = ASKR_TRY(plan_server(invocation));
  const config::Loaded& loaded = plan.loaded;
  ASKR_TRY(config::check_files(loaded));
  const config::Settings& settings = loaded.settings;
  const bool derived = loaded.origin("server.control").source == config::Source::default_value;
  if (derived) ASKR_TRY(config::prepare_runtime_folder());
  // Whoever reads the access log from standard output wants JSON lines there and nothing else.
  std::FILE* stream = settings.server.access_log == "-" ? stderr : stdout;
  return process::serve(plan, [&](const process::StartReport& report) {
    std::fputs(banner(with_warning_to_root(report), settings, colors_of(stream)).c_str(), stream);
    std::fflush(stream);
  });
}

}  // namespace askr::cli
