#include "php/open_files.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include <fmt/core.h>

namespace askr::php {
namespace {

std::string address_text(const sockaddr_storage& address, socklen_t size) {
  if (address.ss_family == AF_UNIX) {
    const auto& unix_address = reinterpret_cast<const sockaddr_un&>(address);
    if (size <= offsetof(sockaddr_un, sun_path) || unix_address.sun_path[0] == '\0') return "a Unix socket";
    return std::string("unix:") + unix_address.sun_path;
  }
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  const int failed = ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host, port,
                                   sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  if (failed != 0) return "an unknown peer";
  return address.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

using Question = int (*)(int, sockaddr*, socklen_t*);

std::string ask_address(Question question, int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (question(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return address_text(address, size);
}

std::string describe_socket(int fd) {
  const std::string peer = peer_address(fd);
  if (!peer.empty()) return "connection to " + peer;
  return "socket of " + own_address(fd);
}

// Temporary files have names that never come again.
std::string describe_file(const std::string& path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (!path.ends_with(kDeleted)) return path;
  return "a deleted file in " + path.substr(0, path.rfind('/'));
}

}  // namespace

OpenFiles open_files() {
  OpenFiles files;
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return files;
  while (const dirent* entry = ::readdir(folder)) {
    const int fd = std::atoi(entry->d_name);
    if (entry->d_name[0] == '.' || fd == ::dirfd(folder)) continue;
    char target[PATH_MAX];
    const ssize_t size = ::readlinkat(::dirfd(folder), entry->d_name, target, sizeof target);
    if (size > 0) files.emplace(fd, std::string(target, static_cast<size_t>(size)));
  }
  ::closedir(folder);
  return files;
}

std::string peer_address(int socket) {
  return ask_address(::getpeername, socket);
}

std::string own_address(int socket) {
  return ask_address(::getsockname, socket);
}

std::string describe_open_file(int fd, const std::string& target) {
  if (target.starts_with('/')) return describe_file(target);
  if (target.starts_with("socket:")) return describe_socket(fd);
  return target.substr(0, target.find(":["));  // "pipe:[4711]"
}

}  // namespace askr::php
