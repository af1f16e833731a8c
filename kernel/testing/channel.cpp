#include "testing/channel.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

namespace askr::testing {
namespace {

constexpr size_t kAtOnce = 64 << 10;

}  // namespace

bool Channel::send(std::string_view text) const {
  auto size = static_cast<uint32_t>(text.size());
  std::string head(reinterpret_cast<const char*>(&size), sizeof size);
  iovec parts[2] = {{head.data(), head.size()}, {const_cast<char*>(text.data()), text.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  while (message.msg_iovlen > 0) {
    ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    while (message.msg_iovlen > 0 && static_cast<size_t>(sent) >= message.msg_iov->iov_len) {
      sent -= static_cast<ssize_t>(message.msg_iov->iov_len);
      ++message.msg_iov;
      --message.msg_iovlen;
    }
    if (message.msg_iovlen == 0) break;
    message.msg_iov->iov_base = static_cast<char*>(message.msg_iov->iov_base) + sent;
    message.msg_iov->iov_len -= static_cast<size_t>(sent);
  }
  return true;
}

std::optional<std::string> Channel::receive() {
  for (;;) {
    if (auto text = next()) return text;
    char buffer[4096];
    const ssize_t size = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return std::nullopt;
    bytes_.append(buffer, static_cast<size_t>(size));
  }
}

bool Channel::read_some() {
  static char buffer[kAtOnce];
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (size == 0) return false;
    bytes_.append(buffer, static_cast<size_t>(size));
    if (static_cast<size_t>(size) < sizeof buffer) return true;
  }
}

std::optional<std::string> Channel::next() {
  uint32_t size = 0;
  if (bytes_.size() - used_ < sizeof size) return std::nullopt;
  std::memcpy(&size, bytes_.data() + used_, sizeof size);
  if (size > kLongest) {
    bytes_.clear();
    used_ = 0;
    ::shutdown(socket_.get(), SHUT_RDWR);
    return std::nullopt;
  }
  if (bytes_.size() - used_ < sizeof size + size) return std::nullopt;
  std::string text = bytes_.substr(used_ + sizeof size, size);
  used_ += sizeof size + size;
  if (used_ == bytes_.size() || used_ > kAtOnce) {
    bytes_.erase(0, used_);
    used_ = 0;
  }
  return text;
}

}  // namespace askr::testing
