// Whether opcache works. Without it every request compiles its scripts again, which is several times slower and easy to
// overlook.
#pragma once

#include "base/result.hpp"
#include "php/options.hpp"

namespace askr::php {

// Fills the facts about opcache and adds a warning when it is off. Runs one empty PHP request, so: after start-up,
// before any fork. Error: it is installed, not switched off, and does not work.
Result<> check_opcache(RuntimeFacts& facts);

// opcache_reset() in a worker asks for a new generation, which has an empty opcache of its own, instead of pulling the
// code away from under the requests that run (it answers true, as where it resets). After start-up, before any fork.
void watch_opcache_reset();

}  // namespace askr::php
