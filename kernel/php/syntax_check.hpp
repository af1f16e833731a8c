// For `askr doctor`: does a script compile?
#pragma once

#include <string>

namespace askr::php {

// In a process that has started PHP (start_runtime) and does nothing else with it. Runs nothing of the script. Empty:
// it compiles; else what PHP says, with file and line.
std::string syntax_error_of(const std::string& script);

}  // namespace askr::php
