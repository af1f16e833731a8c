// What a sidecar echoes and what PHP has to say of it: lines for the log, as it has no client. All together is limited
// (OutputLimit).
#pragma once

#include <string_view>

#include "base/log.hpp"

namespace askr::php {

// Logs each line once it is whole.
void log_sidecar_output(std::string_view text);
// A message of PHP.
void log_sidecar_message(log::Level level, std::string_view message);
// Logs what is left of a line, and how much was dropped.
void end_sidecar_output();

}  // namespace askr::php
