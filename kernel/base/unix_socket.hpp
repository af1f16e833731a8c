// The file of a Unix socket that a server listens on. It has its access rights from its first moment on; it takes the
// place of nothing but a socket that its server has left behind when it died; and it is removed only as long as it is
// still the one that was made here.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr {

struct SocketFile {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;

  // For the process that has made it; forked ones only close their descriptor.
  void remove() const;
};

struct UnixSocket {
  UniqueFd fd;  // bound, non-blocking; nobody listens yet
  SocketFile file;
};

// `group`: whose the file is, else that of this process. Error: why not, for a person, to follow "cannot listen on
// ...: ". Nothing is removed then.
Result<UnixSocket> bind_unix_socket(const std::string& path, unsigned mode, std::optional<gid_t> group = {});

}  // namespace askr
