// A message over a Unix socket with a descriptor beside it (SCM_RIGHTS).
#pragma once

#include <string_view>

#include "base/fd.hpp"

namespace askr {

// `descriptor` -1: none. False: errno says why; nothing was sent.
bool send_message(int socket, std::string_view bytes, int descriptor, int flags);

struct ReceivedMessage {
  ssize_t size = -1;  // as recv()
  UniqueFd descriptor = {};
};
// Into `buffer`; `flags` as for recv().
ReceivedMessage receive_message(int socket, void* buffer, size_t size, int flags);

}  // namespace askr
