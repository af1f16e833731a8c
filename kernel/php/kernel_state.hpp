// What the kernel keeps for a process and a request may change: descriptors with their positions, signals, directory,
// umask, users and limits, children. Taken at a moment and put back; what cannot be put back is found out.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "exchange/not_rewound.hpp"
#include "php/signal_state.hpp"

namespace askr::php {

// How closely is looked: at all of it, or at what no function of PHP can change without being noticed
// (process_changes.hpp) only as far as that costs no system call for each signal, limit and descriptor.
enum class Look : uint8_t { quick, complete };

// Plain data, so that it can live in any memory.
class KernelState {
 public:
  // Scripts have no way to what the server itself has open. False: more descriptors are open than fit.
  bool take(std::span<const int> of_the_server);
  // `no` where nothing has happened to the process that could not be put back: the descriptors are still the same
  // files, there are no children, user, groups and limits are the same.
  [[nodiscard]] exchange::NotRewound why_not_put_back(Look look) const;
  void put_back(Look look) const;

 private:
  struct File {
    int fd;
    dev_t device;
    ino_t inode;
    off_t position;  // of files and folders open for reading; -1: has none
    bool is_the_servers;
    [[nodiscard]] bool is_seen(Look look) const { return look == Look::complete || !is_the_servers; }
  };
  // Whoever changes these cannot change them back, or would do so for a reason.
  struct Identity {
    std::array<uid_t, 3> users;  // real, effective, saved
    std::array<gid_t, 3> groups;
    std::array<gid_t, 64> more_groups;
    int more_count;
    pid_t process, process_group, session;
    int nice;
    std::array<std::array<rlim_t, 2>, RLIM_NLIMITS> limits;  // soft, hard
    bool operator==(const Identity& other) const = default;
  };
  static void read(Identity& identity);
  static constexpr size_t kMostFiles = 256;

  std::array<File, kMostFiles> files_;  // ascending
  size_t file_count_;
  SignalState signals_;
  int directory_;
  mode_t mask_;
  Identity identity_;
};

}  // namespace askr::php
