// Opens what log lines are appended to: a file, which is made when it is missing, or a pipe that somebody reads.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/account.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr {

// `what` is for the error: "access log". Never waits for a pipe's reader: without one this is an error, where an
// ordinary open() would hang until one comes; nor does a write to what is returned wait (O_NONBLOCK).
//
// `account`: who the server's other processes are when this one is root, else nullptr. Where that account could put
// a link in the way (redirectable_path.hpp), the file is opened in its name, so it gets to no file that is not its own.
Result<UniqueFd> open_log_file(const std::string& what, const std::string& path, mode_t mode, const Account* account);

// A warning for the log; empty: not everybody can read the file. It keeps the mode that somebody has given it.
std::string warn_of_readers(const std::string& what, const std::string& path, int file);

}  // namespace askr
