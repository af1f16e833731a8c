// Files that are there whole or not at all, for others who read them meanwhile and after a kill.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace askr {

// Puts `text` in the place of `file`, in a folder that is there. Error: it cannot be written; what was there before
// still is, and nothing else is left.
Result<> replace_file(const std::string& file, std::string_view text);

}  // namespace askr
