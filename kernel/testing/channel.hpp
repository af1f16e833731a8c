// Texts over a stream socket, each with its length in front. Who reads is hostile ground's neighbour: a length that
// makes no sense ends the channel.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace askr::testing {

class Channel {
 public:
  static constexpr uint32_t kLongest = 256U << 20;

  Channel() = default;
  explicit Channel(UniqueFd socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  void close() { socket_.reset(); }

  // Waits until it is sent. False: nobody is there any more.
  bool send(std::string_view text) const;
  // Waits for one. Nothing: the other side has gone.
  std::optional<std::string> receive();

  // Takes what is there, without waiting. False: the other side has gone, and nothing more will come.
  bool read_some();
  // One text of those that read_some() has completed.
  std::optional<std::string> next();

 private:
  UniqueFd socket_;
  std::string bytes_;
  size_t used_ = 0;
};

}  // namespace askr::testing
