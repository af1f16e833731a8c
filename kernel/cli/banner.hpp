// What `askr serve` says once it is ready.
#pragma once

#include <string>

#include "cli/terminal.hpp"
#include "config/settings.hpp"
#include "process/serve.hpp"

namespace askr::cli {

std::string banner(const process::StartReport& report, const config::Settings& settings, Colors colors);

}  // namespace askr::cli
