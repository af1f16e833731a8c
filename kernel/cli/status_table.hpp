// `askr status` for a person: a line about the server and a table of its processes.
#pragma once

#include <string>

#include "base/result.hpp"

namespace askr::cli {

// `json` is what the control socket answers. Error: it is no status.
Result<std::string> status_table(const std::string& json);

}  // namespace askr::cli
