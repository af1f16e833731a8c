// Which socket is at the other end of a Unix socket.
#pragma once

#include <sys/types.h>

namespace askr::php {

// By the numbers that /proc has: "socket:[4711]". 0: there is none, or the kernel does not say.
ino_t unix_peer(ino_t socket);

}  // namespace askr::php
