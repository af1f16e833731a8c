// The runner for PHPUnit, which is part of the program (examples/askr-test.php).
#pragma once

#include <string>

#include "base/result.hpp"

namespace askr::testing {

// Puts it where opcache can keep its code, below `cache`. Returns its path.
Result<std::string> write_runner_script(const std::string& cache);

}  // namespace askr::testing
