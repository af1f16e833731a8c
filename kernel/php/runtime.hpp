// PHP in this process: starting libphp once (template), serving requests with it (workers forked from the template).
//
// The two sides meet only here and in exchange: this room knows no sockets and no HTTP grammar.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "php/options.hpp"

namespace askr::php {

class ForkPoint;

// Starts libphp: module start-up, php.ini, opcache. Once per template process, before any fork. Errors: a broken
// php.ini or ini line (names file and line), opcache installed but refused.
Result<RuntimeFacts> start_runtime(const RuntimeOptions& options);

// The folder of the worker of that index, below RuntimeOptions::upload_dir. It is there if the worker's record has
// uploads.
std::string worker_upload_dir(const std::string& upload_dir, uint32_t index);

// In the template, after start_runtime(): brings PHP to the place where it is to be forked and calls `fork_point`
// there. Returns in workers only, once they have served their requests, with the exit code, and in sidecars, once their
// script has ended, with its. Errors are the template's:
// the application could not be booted.
Result<int> run_template(ForkPoint& fork_point);

}  // namespace askr::php
