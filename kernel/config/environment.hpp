// Settings from environment variables: ASKR_<SECTION>_<KEY>, lists separated by commas (ASKR_WORKER_INI by newlines).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/assignment.hpp"

namespace askr::config {

using Environment = std::vector<std::pair<std::string, std::string>>;  // name, value

// That of this process.
Environment process_environment();

// Relative paths start at `folder`. Problems: a variable that looks like a setting (ASKR_SERVER_...) and is none.
Given read_environment(const Environment& environment, const std::string& folder);

}  // namespace askr::config
