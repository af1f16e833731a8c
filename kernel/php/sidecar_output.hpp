// What a sidecar echoes: lines for the log, as it has no client.
#pragma once

#include <string_view>

namespace askr::php {

// Logs each line once it is whole.
void log_sidecar_output(std::string_view text);
// Logs what is left of a line.
void end_sidecar_output();

}  // namespace askr::php
