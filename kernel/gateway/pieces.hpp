// Bytes as writev(2) wants them.
#pragma once

#include <sys/uio.h>

#include <string_view>

namespace askr::gateway {

inline iovec as_iovec(std::string_view bytes) {
  return {const_cast<char*>(bytes.data()), bytes.size()};
}

inline std::string_view as_view(const iovec& piece) {
  return {static_cast<const char*>(piece.iov_base), piece.iov_len};
}

}  // namespace askr::gateway
