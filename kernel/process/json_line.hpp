// What the master answers on the control socket: one JSON document, one line.
#pragma once

#include <string>

#include "base/json_text.hpp"

namespace askr::process {

inline std::string json_line(const nlohmann::json& document) {
  return json_text(document) + "\n";
}

}  // namespace askr::process
