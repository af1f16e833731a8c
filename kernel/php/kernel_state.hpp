// What the kernel keeps for a process and a request may change: descriptors, signal handlers, timers, directory, umask,
// children. Taken at a moment and put back; what cannot be put back is found out.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <array>
#include <cstddef>

namespace askr::php {

// Plain data, so that it can live in any memory.
class KernelState {
 public:
  // False: more descriptors are open than fit.
  bool take();
  // Nothing has happened to the process that could not be put back: the descriptors are still the same files, there are
  // no children and no threads, the user is the same.
  [[nodiscard]] bool can_be_put_back() const;
  void put_back() const;

 private:
  struct File {
    int fd;
    dev_t device;
    ino_t inode;
  };
  static constexpr size_t kMostFiles = 256;
  static constexpr int kSignals = 65;

  std::array<File, kMostFiles> files_;  // ascending
  size_t file_count_;
  std::array<struct sigaction, kSignals> actions_;
  int directory_;
  mode_t mask_;
  pid_t pid_;
  uid_t user_;
  gid_t group_;
  int nice_;
};

}  // namespace askr::php
