// Transport: the bytes below a protocol. A plain socket today; TLS is another one with the same face.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/fd.hpp"

namespace askr::gateway {

// Never blocks. Answers of the calls: > 0 bytes, 0 end of stream (read) or of the file (send_file), kAgain, kBroken.
inline constexpr ssize_t kAgain = -1;
inline constexpr ssize_t kBroken = -2;

class Transport {
 public:
  virtual ~Transport() = default;
  virtual ssize_t read(char* buffer, size_t size) = 0;
  virtual ssize_t write(const iovec* pieces, int count) = 0;
  virtual ssize_t send_file(int file, uint64_t offset, size_t size) = 0;
  // Says that nothing more will be written; the other direction stays open.
  virtual void finish_writing() = 0;
  // Makes the closing of the socket an abort (reset), so that the client cannot take it for a clean end.
  virtual void abort_on_close() = 0;
  // Bytes that were written and that the client's side has not taken yet.
  [[nodiscard]] virtual size_t unread() const = 0;
  // Has the client closed its side with nothing left to read?
  [[nodiscard]] virtual bool at_end() const = 0;
  [[nodiscard]] virtual int fd() const = 0;
};

std::unique_ptr<Transport> make_plain_transport(UniqueFd socket);

// No client at all: what is read is `request`, what is written goes nowhere. Has no descriptor (-1).
std::unique_ptr<Transport> make_background_transport(std::string request);

}  // namespace askr::gateway
