// Text between double quotes, as TOML and every error message write it: quotes, backslashes and control characters are
// escaped, so the result is one line and parses back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace askr::config {

std::string quote(std::string_view text);
// ["a", "b"]
std::string quoted_list(const std::vector<std::string>& items);

}  // namespace askr::config
