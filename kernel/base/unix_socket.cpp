#include "base/unix_socket.hpp"

#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace askr {
namespace {

Error because(int number) {
  return Error{std::strerror(number)};
}

// A chmod() after bind() would leave some time for a client whom the rights keep out, and a chown() would be led astray
// by a link that took the place of the socket.
int bind_with_rights(int socket, const sockaddr_un& name, unsigned mode, std::optional<gid_t> group) {
  const mode_t mask_before = ::umask(~mode & 0777);
  const int group_before = group ? ::setfsgid(*group) : 0;
  const int bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  const int problem = errno;
  if (group) ::setfsgid(static_cast<gid_t>(group_before));
  ::umask(mask_before);
  errno = problem;
  return bound;
}

// Refused is what a socket answers that nobody holds any more. Everything else may well be somebody's: a file, a
// server that is too busy to answer, or one that we may not talk to.
Result<> remove_dead_socket(const sockaddr_un& name) {
  struct stat found {};
  if (::lstat(name.sun_path, &found) != 0) return errno == ENOENT ? ok() : because(errno);
  if (!S_ISSOCK(found.st_mode)) return Error{std::string(name.sun_path) + " exists and is no socket"};
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe) return because(errno);
  const int answer = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
  if (answer == 0 || errno == EAGAIN) return Error{"in use, another server answers there"};
  if (errno != ECONNREFUSED)
    return Error{"a socket is there, and it cannot be told whether it is in use: " + because(errno).message};
  return ::unlink(name.sun_path) == 0 || errno == ENOENT ? ok() : because(errno);
}

}  // namespace

void SocketFile::remove() const {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0 || found.st_dev != device || found.st_ino != inode) return;
  ::unlink(path.c_str());
}

Result<UnixSocket> bind_unix_socket(const std::string& path, unsigned mode, std::optional<gid_t> group) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) return usage_error("the path is longer than 107 bytes");
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  UnixSocket socket{UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), {}};
  if (!socket.fd) return because(errno);
  int bound = bind_with_rights(socket.fd.get(), name, mode, group);
  if (bound != 0 && errno == EADDRINUSE) {
    ASKR_TRY(remove_dead_socket(name));
    bound = bind_with_rights(socket.fd.get(), name, mode, group);
  }
  struct stat made {};
  if (bound != 0 || ::lstat(name.sun_path, &made) != 0) return because(errno);
  socket.file = {path, made.st_dev, made.st_ino};
  return socket;
}

}  // namespace askr
