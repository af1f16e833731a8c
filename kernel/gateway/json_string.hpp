// Bytes as a JSON string.
#pragma once

#include <string>
#include <string_view>

namespace askr::gateway {

// Appends `bytes` in quotes. Valid JSON whatever they are: what is not UTF-8 becomes U+FFFD, byte by byte.
void append_json_string(std::string_view bytes, std::string& out);

}  // namespace askr::gateway
