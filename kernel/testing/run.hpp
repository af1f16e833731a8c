// A run of tests: this process is the coordinator. It never runs PHP, and is no parent of a test; whatever a test does,
// it has the results so far.
#pragma once

#include "base/result.hpp"
#include "testing/options.hpp"

namespace askr::testing {

// Returns the exit code: 0 all passed, 1 not so, 2 there was nothing to run, 130 interrupted.
Result<int> run_tests(const TestOptions& options);

}  // namespace askr::testing
