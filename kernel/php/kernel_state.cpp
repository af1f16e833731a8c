#include "php/kernel_state.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace askr::php {
namespace {

// Where others write, as in a log, the position is theirs as well.
off_t reading_position(int fd, const struct stat& facts) {
  if (!S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) return -1;
  return (::fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY ? ::lseek(fd, 0, SEEK_CUR) : -1;
}

mode_t current_umask() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return mask;
}

// One that has ended is done with; one that lives would be the next request's.
bool has_child() {
  pid_t child = 0;
  while ((child = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
  }
  return child == 0;
}

void close_between(int first, int last) {
  if (first <= last) ::syscall(SYS_close_range, first, last, 0);
}

}  // namespace

void KernelState::read(Identity& identity) {
  identity = {};
  ::getresuid(&identity.users[0], &identity.users[1], &identity.users[2]);
  ::getresgid(&identity.groups[0], &identity.groups[1], &identity.groups[2]);
  identity.more_count = ::getgroups(static_cast<int>(identity.more_groups.size()), identity.more_groups.data());
  identity.process = ::getpid();
  identity.process_group = ::getpgrp();
  identity.session = ::getsid(0);
  identity.nice = ::getpriority(PRIO_PROCESS, 0);
  for (size_t limit = 0; limit < identity.limits.size(); ++limit) {
    rlimit found{};
    ::getrlimit(static_cast<__rlimit_resource>(limit), &found);
    identity.limits[limit] = {found.rlim_cur, found.rlim_max};
  }
}

bool KernelState::take(std::span<const int> of_the_server) {
  directory_ = ::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return false;
  file_count_ = 0;
  bool fits = true;
  while (const dirent* entry = ::readdir(folder)) {
    const int fd = std::atoi(entry->d_name);
    struct stat facts {};
    if (entry->d_name[0] == '.' || fd == ::dirfd(folder) || ::fstat(fd, &facts) != 0) continue;
    fits = file_count_ < kMostFiles;
    if (!fits) break;
    const bool is_the_servers =
        fd == directory_ || std::find(of_the_server.begin(), of_the_server.end(), fd) != of_the_server.end();
    files_[file_count_++] = {fd, facts.st_dev, facts.st_ino, reading_position(fd, facts), is_the_servers};
  }
  ::closedir(folder);
  std::sort(files_.begin(), files_.begin() + static_cast<ptrdiff_t>(file_count_),
            [](const File& a, const File& b) { return a.fd < b.fd; });
  signals_.take();
  mask_ = current_umask();
  read(identity_);
  return fits && directory_ >= 0;
}

exchange::NotRewound KernelState::why_not_put_back(Look look) const {
  using exchange::NotRewound;
  if (look == Look::complete) {
    Identity now;
    read(now);
    if (now.limits != identity_.limits) return NotRewound::limits;
    if (now != identity_) return NotRewound::identity;
  }
  if (has_child()) return NotRewound::child;
  const bool has_files =
      std::all_of(files_.begin(), files_.begin() + static_cast<ptrdiff_t>(file_count_), [look](const File& file) {
        struct stat facts {};
        if (!file.is_seen(look)) return true;
        return ::fstat(file.fd, &facts) == 0 && facts.st_dev == file.device && facts.st_ino == file.inode;
      });
  return has_files ? NotRewound::no : NotRewound::descriptor;
}

void KernelState::put_back(Look look) const {
  int next = 0;
  for (size_t index = 0; index < file_count_; ++index) {
    const File& file = files_[index];
    close_between(next, file.fd - 1);
    next = file.fd + 1;
    if (file.position >= 0 && file.is_seen(look)) ::lseek(file.fd, file.position, SEEK_SET);
  }
  ::syscall(SYS_close_range, next, ~0U, 0);
  if (look == Look::complete) {
    signals_.put_back();
  } else {
    stop_time_limit();
  }
  ::umask(mask_);
  [[maybe_unused]] const int moved = ::fchdir(directory_);
}

}  // namespace askr::php
