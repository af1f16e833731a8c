// Opens what log lines are appended to: a file, which is made when it is missing, or a pipe that somebody reads.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr {

// `what` is for the error: "access log". Never waits for a pipe's reader: without one this is an error, where an
// ordinary open() would hang until one comes; nor does a write to what is returned wait (O_NONBLOCK).
Result<UniqueFd> open_log_file(const std::string& what, const std::string& path, mode_t mode);

}  // namespace askr
