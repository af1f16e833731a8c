// Catches what is written to standard error while PHP starts: a broken php.ini is reported there and nowhere else.
// If PHP ends the process meanwhile, what was caught still reaches standard error.
#pragma once

#include <string>

#include "base/result.hpp"

namespace askr::php {

Result<> capture_startup_output();
// Puts standard error back and returns what was written.
std::string release_startup_output();

}  // namespace askr::php
