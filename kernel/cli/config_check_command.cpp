#include <cstdio>

#include "cli/command.hpp"
#include "cli/server_plan.hpp"
#include "config/load.hpp"

namespace askr::cli {

Result<int> run_config_check(const Invocation& invocation) {
  Invocation checked = invocation;
  config::CommandLine& line = checked.line;
  if (!line.operands.empty()) {
    if (!line.config_file.empty()) return usage_error("config-check takes one file: FILE or --config FILE");
    line.config_file = line.operands.front();
  }
  const process::ServerPlan plan = ASKR_TRY(plan_server(checked));
  std::fputs(config::effective_toml(plan.loaded).c_str(), stdout);
  for (const std::string& warning : plan.loaded.warnings) std::fputs(("askr: " + warning + "\n").c_str(), stderr);
  ASKR_TRY(config::check_files(plan.loaded));
  return 0;
}

}  // namespace askr::cli
