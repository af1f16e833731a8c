// This process's id without a system call. The C library asks the kernel each time, and the hot paths ask per request.
#pragma once

#include <pthread.h>
#include <sys/types.h>
#include <unistd.h>

namespace askr {

namespace detail {
inline pid_t process_id = 0;
}

// After a fork that the C library does not know of; after fork(3) it happens by itself.
inline void refresh_process_id() {
  detail::process_id = ::getpid();
}

inline pid_t process_id() {
  if (detail::process_id == 0) {
    ::pthread_atfork(nullptr, nullptr, refresh_process_id);
    refresh_process_id();
  }
  return detail::process_id;
}

}  // namespace askr
