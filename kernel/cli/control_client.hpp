// The other end of the control socket: finds the running server that the user means and asks it one thing.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/command.hpp"

namespace askr::cli {

// The control socket of the server that server.control or server.listen names, in the flags, the environment or
// askr.toml; when none of them does, the one server that this user runs. Error: several run, none of them named.
Result<std::string> find_server(const Invocation& invocation);

// The same for a command that changes what the server does: one that nothing names has to have been started in this
// folder, or with this askr.toml. Error: it was not, or several run.
Result<std::string> find_own_server(const Invocation& invocation);

// Sends `command` and returns the JSON document of the answer. Error: nobody answers at `path`.
Result<std::string> ask_server(const std::string& path, const std::string& command);

}  // namespace askr::cli
