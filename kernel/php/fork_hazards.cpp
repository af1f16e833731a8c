#include "php/fork_hazards.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <map>

#include "php/zend.hpp"

#include <spdlog/fmt/fmt.h>

namespace askr::php {
namespace {

using OpenFiles = std::map<int, std::string>;  // descriptor -> what /proc says it is

OpenFiles of_the_server;

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

// Datagrams (the system's log) mix without harm.
std::string socket_hazard(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type == SOCK_DGRAM) return {};
  sockaddr_storage address{};
  size = sizeof address;
  const bool connected = ::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (connected) {
    return fmt::format(
        "a connection to {} is open: all workers would talk over it at once; close it in "
        "askr_before_fork(), open it in askr_after_fork() or on first use",
        address_text(address, size));
  }
  size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return fmt::format("a socket of {} is open, which all workers would share", address_text(address, size));
}

std::string file_hazard(int fd, const std::string& path) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return {};
  const int flags = ::fcntl(fd, F_GETFL);
  if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_APPEND) != 0) return {};
  return fmt::format(
      "the file {} is open for writing: all workers would share one position in it; close it in "
      "askr_before_fork()",
      path);
}

std::string hazard_of(int fd, const std::string& target) {
  if (target.starts_with("socket:")) return socket_hazard(fd);
  if (target.starts_with("pipe:")) return "a pipe to another process is open, which all workers would share";
  if (target == "anon_inode:[eventpoll]") return "an event loop (epoll) is open, which all workers would share";
  return target.starts_with('/') ? file_hazard(fd, target) : std::string();
}

unsigned count_threads() {
  unsigned count = 0;
  DIR* folder = ::opendir("/proc/self/task");
  if (folder == nullptr) return 1;
  while (const dirent* entry = ::readdir(folder)) count += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(folder);
  return count;
}

// Engines of PHP with a state of their own; Secure has none, and what applications write is their business.
bool is_seeded_engine(const zend_class_entry* type) {
  for (const char* name :
       {"Random\\Engine\\Mt19937", "Random\\Engine\\PcgOneseq128XslRr64", "Random\\Engine\\Xoshiro256StarStar"}) {
    if (strcmp(ZSTR_VAL(type->name), name) == 0) return true;
  }
  return false;
}

const zend_class_entry* find_seeded_engine() {
  const zend_objects_store& store = EG(objects_store);
  for (uint32_t at = 1; at < store.top; ++at) {
    const zend_object* object = store.object_buckets[at];
    if (!IS_OBJ_VALID(object) || object->ce->type != ZEND_INTERNAL_CLASS) continue;
    if (is_seeded_engine(object->ce)) return object->ce;
  }
  return nullptr;
}

}  // namespace

void remember_open_files() {
  of_the_server = open_files();
}

std::vector<std::string> find_fork_hazards() {
  std::vector<std::string> hazards;
  for (const auto& [fd, target] : open_files()) {
    const auto known = of_the_server.find(fd);
    if (known != of_the_server.end() && known->second == target) continue;
    std::string hazard = hazard_of(fd, target);
    if (!hazard.empty()) hazards.push_back(std::move(hazard));
  }
  if (const unsigned threads = count_threads(); threads > 1) {
    hazards.push_back(fmt::format(
        "an extension has started {} threads, which do not exist in workers; make it do so on first use", threads - 1));
  }
  if (const zend_class_entry* engine = find_seeded_engine()) {
    hazards.push_back(fmt::format("an object of {} exists: every worker would draw the same numbers from it",
                                  ZSTR_VAL(engine->name)));
  }
  return hazards;
}

}  // namespace askr::php
