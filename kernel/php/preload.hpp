// Isolation for applications without a worker script: their boot runs once, in the template.
#pragma once

#include "base/result.hpp"
#include "php/options.hpp"

namespace askr::php {

// Runs worker.preload_script in the template, forks, and answers one request in each worker. Returns what the worker
// shall exit with; an error in the template, when the script did not end well.
Result<int> run_preloaded();

}  // namespace askr::php
