// The command line: `askr COMMAND ...`.
#pragma once

namespace askr::cli {

// Called once by main() with its arguments, whose memory later holds the titles of the processes. Returns the exit
// code: 0 fine, 1 failed, 2 bad usage or configuration; errors were written to standard error, one line each.
int run(int argc, char** argv);

}  // namespace askr::cli
