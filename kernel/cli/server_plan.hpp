// What a command needs to know before it can speak about a server: the plugins that are installed, the settings, and
// which plugins are active with them.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/command.hpp"
#include "config/environment.hpp"
#include "process/serve.hpp"

namespace askr::cli {

// Opens the plugins of the server's own folder and of plugins.dir, and adds their options to those of the server. Once,
// before the words of the command line are parsed; `words` and `environment` are only looked at for the folders.
Result<> open_plugins(const std::vector<std::string>& words, const config::Environment& environment,
                      const std::string& folder);

// All plugins that were opened, by id.
const std::vector<plugin::Library>& installed_plugins();

// Settings and active plugins. Errors as of config::load, and for names of plugins that do not exist.
Result<process::ServerPlan> plan_server(const Invocation& invocation);

}  // namespace askr::cli
