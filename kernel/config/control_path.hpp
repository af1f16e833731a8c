// Where the control socket of a server is: /run/askr for root, else $XDG_RUNTIME_DIR/askr, else /tmp/askr-UID, a folder
// that only its user may enter; the file is named after the first listen address.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/settings.hpp"

namespace askr::config {

std::string runtime_folder();

// Makes the runtime folder (0700). Error: it exists and belongs to somebody else or is open to others.
Result<> prepare_runtime_folder();

// `settings.server.control` when set, else a file in the runtime folder; at most as long as a socket path may be.
std::string control_path(const Settings& settings);

// The control sockets in the runtime folder, of living and of dead servers, sorted.
std::vector<std::string> control_sockets();

}  // namespace askr::config
