// Settings from environment variables: ASKR_<SECTION>_<KEY>, lists separated by commas (ASKR_WORKER_INI by newlines).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/assignment.hpp"

namespace askr::config {

using Environment = std::vector<std::pair<std::string, std::string>>;  // name, value

// That of this process.
Environment process_environment();

// What is secret to the server: ASKR_...SECRET, ASKR_...TOKEN, and settings that are marked so.
bool is_secret(std::string_view name);
// Takes these out of the environment of this process, and out of its memory there, so that neither PHP nor a program
// that it starts gets to see them. For a process that has its settings already.
void hide_secrets();

// Relative paths start at `folder`. Warnings: a variable that looks like a setting (ASKR_SERVER_...) and is none; it
// may be meant for a script.
Given read_environment(const Environment& environment, const std::string& folder);

}  // namespace askr::config
