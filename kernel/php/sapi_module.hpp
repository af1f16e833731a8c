// Askr as PHP sees it: a server interface (SAPI) with its callbacks, and a built-in extension with its functions.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "php/zend.hpp"

namespace askr::php {

// Starts libphp with `ini` as the text after the files and the server's own `functions` (ends with an empty entry).
// Messages of PHP meanwhile are appended to `messages`.
Result<> start_module(std::string& ini, const zend_function_entry* functions, std::vector<std::string>& messages);

}  // namespace askr::php
