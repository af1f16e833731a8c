// The command line: `askr COMMAND ...`.
#pragma once

#include <string>
#include <vector>

namespace askr::cli {

// `words` is the command line without the program's own name. Returns the exit code: 0 fine, 1 failed, 2 bad usage or
// configuration; errors were written to standard error, one line each.
int run(const std::vector<std::string>& words);

}  // namespace askr::cli
