// What has to be kept away from toml11: it descends once per open bracket, on the stack, and it reads beyond its buffer
// while it reports a literal string that is not UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace askr::config {

// More than a few dozen open brackets at once. Those in strings and comments do not count.
bool is_nested_too_deep(std::string_view text);

// The number of the first line (from 1) that is not well-formed UTF-8 (RFC 3629); 0 when all are.
size_t first_line_not_utf8(std::string_view text);

}  // namespace askr::config
