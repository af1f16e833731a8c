#include <cstdio>

#include "cli/command.hpp"
#include "cli/plugin_names.hpp"
#include "config/load.hpp"

namespace askr::cli {

Result<int> run_config_check(const Invocation& invocation) {
  config::CommandLine line = invocation.line;
  if (!line.operands.empty()) {
    if (!line.config_file.empty()) return usage_error("config-check takes one file: FILE or --config FILE");
    line.config_file = line.operands.front();
  }
  const config::Loaded loaded = ASKR_TRY(config::load(line, invocation.environment, invocation.folder));
  std::fputs(config::effective_toml(loaded).c_str(), stdout);
  ASKR_TRY(check_plugin_names(loaded));
  ASKR_TRY(config::check_files(loaded));
  return 0;
}

}  // namespace askr::cli
