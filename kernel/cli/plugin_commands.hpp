// Commands of plugins, which the running server's master executes, and commands about one plugin's file.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/command.hpp"

namespace askr::cli {

// `askr NAME OPERANDS...`: prints what the server answers. Exit code as the plugin says, 2 for a name nobody has.
Result<int> ask_plugin(const std::string& name, const Invocation& invocation);

}  // namespace askr::cli
