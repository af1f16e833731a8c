// Whether opcache works. Without it every request compiles its scripts again, which is several times slower and easy to
// overlook.
#pragma once

#include "base/result.hpp"
#include "php/runtime.hpp"

namespace askr::php {

// Fills the facts about opcache and adds a warning when it is off. Runs one empty PHP request, so: after start-up,
// before any fork. Error: it is installed, not switched off, and does not work.
Result<> check_opcache(RuntimeFacts& facts);

}  // namespace askr::php
