// How JSON is written wherever somebody else's words are in it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace askr {

// Without line breaks. Never throws because of what the document holds: paths and messages of PHP need not be UTF-8,
// and what is not is replaced by U+FFFD.
inline std::string json_text(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace askr
