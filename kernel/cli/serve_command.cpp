#include <cstdio>

#include "cli/banner.hpp"
#include "cli/command.hpp"
#include "cli/server_plan.hpp"
#include "config/control_path.hpp"
#include "config/load.hpp"
#include "process/serve.hpp"

namespace askr::cli {

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
    std::fputs(banner(report, settings, colors_of(stream)).c_str(), stream);
    std::fflush(stream);
  });
}

}  // namespace askr::cli
