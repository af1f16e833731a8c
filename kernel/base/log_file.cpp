#include "base/log_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace askr {
namespace {

bool is_pipe(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
}

}  // namespace

Result<UniqueFd> open_log_file(const std::string& what, const std::string& path, mode_t mode) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC | O_NONBLOCK, mode));
  if (!file) {
    const int problem = errno;
    const std::string failure = "cannot open the " + what + " " + path;
    if (problem == ENXIO && is_pipe(path)) return Error{failure + ": nobody reads this pipe"};
    return system_error(failure, problem);
  }
  return file;
}

}  // namespace askr
