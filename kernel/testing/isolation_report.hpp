// Which tests pass only because of what others before them have left, or only without it.
#pragma once

#include "base/result.hpp"
#include "testing/options.hpp"

namespace askr::testing {

// Runs everything in one process, in order, and then each file in a process of its own. Exit code: 0 no difference.
Result<int> report_isolation(const TestOptions& options);

}  // namespace askr::testing
