// Askr as PHP sees it: a server interface (SAPI) with its callbacks, and a built-in extension with its functions.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace askr::php {

// Starts libphp with `ini` as the text after the files. Messages of PHP meanwhile are appended to `messages`.
Result<> start_module(std::string& ini, std::vector<std::string>& messages);

}  // namespace askr::php
