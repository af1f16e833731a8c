// What the master answers on the control socket: one JSON document, one line.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace askr::process {

// Never throws because of what the document holds: paths and messages of PHP need not be UTF-8, and what is not is
// replaced by U+FFFD.
inline std::string json_line(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace askr::process
