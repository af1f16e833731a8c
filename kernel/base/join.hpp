// Strings with something between them. Not fmt::join: it makes every caller compile all of fmt.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace askr {

std::string join(const std::vector<std::string>& parts, std::string_view separator);

}  // namespace askr
