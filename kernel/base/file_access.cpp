#include "base/file_access.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace askr {

bool may_access(const std::string& path, int mode) {
  return ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0;
}

}  // namespace askr
