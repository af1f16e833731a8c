#include "php/fork_hazards.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "php/open_files.hpp"
#include "php/openers.hpp"
#include "php/zend.hpp"

#include <fmt/core.h>

namespace askr::php {
namespace {

OpenFiles of_the_server;

// " (by fsockopen() in /srv/app/boot.php:12)"
std::string by_whom(int fd, const std::string& target) {
  const std::string opener = opener_of(fd, target);
  return opener.empty() ? "" : fmt::format(" (by {})", opener);
}

// Datagrams (the system's log) mix without harm.
std::string socket_hazard(int fd, const std::string& by) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type == SOCK_DGRAM) return {};
  const std::string peer = peer_address(fd);
  if (!peer.empty()) {
    return fmt::format(
        "a connection to {} is open{}: all workers would talk over it at once; close it in "
        "askr_before_fork(), open it in askr_after_fork() or on first use",
        peer, by);
  }
  const std::string own = own_address(fd);
  if (own.empty()) return {};
  return fmt::format("a socket of {} is open{}, which all workers would share", own, by);
}

std::string file_hazard(int fd, const std::string& path, const std::string& by) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return {};
  const int flags = ::fcntl(fd, F_GETFL);
  if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_APPEND) != 0) return {};
  return fmt::format(
      "the file {} is open for writing{}: all workers would share one position in it; close it in "
      "askr_before_fork()",
      path, by);
}

// What the kernel makes for one process, and several can have: each would see what is meant for another one.
std::string kernel_object_hazard(std::string_view target, const std::string& by) {
  struct Kind {
    std::string_view target, name;
  };
  constexpr Kind kKinds[] = {
      {"anon_inode:[eventfd]", "a counter of events (eventfd)"},
      {"anon_inode:[eventpoll]", "an event loop (epoll)"},
      {"anon_inode:[io_uring]", "a queue of the kernel (io_uring)"},
      {"anon_inode:inotify", "a watch of files (inotify)"},
      {"anon_inode:[timerfd]", "a timer (timerfd)"},
      {"anon_inode:[signalfd]", "a queue of signals (signalfd)"},
  };
  for (const Kind& kind : kKinds) {
    if (kind.target == target) return fmt::format("{} is open{}, which all workers would share", kind.name, by);
  }
  return {};
}

std::string hazard_of(int fd, const std::string& target) {
  const std::string by = by_whom(fd, target);
  if (target.starts_with("socket:")) return socket_hazard(fd, by);
  if (target.starts_with("pipe:")) {
    return fmt::format("a pipe to another process is open{}, which all workers would share", by);
  }
  return target.starts_with('/') ? file_hazard(fd, target, by) : kernel_object_hazard(target, by);
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

// Open for reading, with a position: files and folders.
bool is_readable(int fd) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0 || (!S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode))) return false;
  return (::fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

std::vector<int> readable;  // of the template

void reopen(int fd) {
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  const int again = ::open(path.c_str(), (::fcntl(fd, F_GETFL) & ~O_CREAT) | O_CLOEXEC);
  if (again < 0) return;  // not ours to read any more: shared is better than gone
  ::lseek(again, ::lseek(fd, 0, SEEK_CUR), SEEK_SET);
  ::dup3(again, fd, ::fcntl(fd, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0);
  ::close(again);
}

bool is_the_servers(int fd, const std::string& target) {
  const auto known = of_the_server.find(fd);
  return known != of_the_server.end() && known->second == target;
}

OpenFiles files_of_scripts() {
  OpenFiles files = open_files();
  std::erase_if(files, [](const auto& file) { return is_the_servers(file.first, file.second); });
  return files;
}

}  // namespace

void remember_open_files() {
  of_the_server = open_files();
}

std::vector<int> server_files() {
  std::vector<int> files;
  for (const auto& [fd, target] : open_files()) {
    if (is_the_servers(fd, target)) files.push_back(fd);
  }
  return files;
}

void separate_open_files() {
  for (const int fd : readable) reopen(fd);
  renew_channels();
}

std::vector<Channel> own_channels() {
  std::vector<Channel> channels = find_channels(files_of_scripts());
  std::erase_if(channels, [](const Channel& channel) { return channel.is_from_before_fork(); });
  return channels;
}

std::vector<std::string> find_shared_files() {
  OpenFiles files = files_of_scripts();
  for (const Channel& channel : own_channels()) {
    for (const int fd : channel.descriptors()) files.erase(fd);
  }
  std::vector<std::string> hazards;
  for (const auto& [fd, target] : files) {
    std::string hazard = hazard_of(fd, target);
    if (!hazard.empty()) hazards.push_back(std::move(hazard));
  }
  return hazards;
}

std::vector<std::string> find_fork_hazards() {
  std::vector<std::string> hazards = find_shared_files();
  const OpenFiles files = files_of_scripts();
  for (const auto& [fd, target] : files) {
    if (is_readable(fd)) readable.push_back(fd);
  }
  prepare_channels(files);
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
