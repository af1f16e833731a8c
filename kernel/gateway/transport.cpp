#include "gateway/transport.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace askr::gateway {
namespace {

ssize_t translate(ssize_t result) {
  if (result >= 0) return result;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? kAgain : kBroken;
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(UniqueFd socket) : socket_(std::move(socket)) {}

  ssize_t read(char* buffer, size_t size) override { return translate(::recv(socket_.get(), buffer, size, 0)); }

  ssize_t write(const iovec* pieces, int count) override {
    if (count == 1) return translate(::send(socket_.get(), pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL));
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces);
    message.msg_iovlen = static_cast<size_t>(count);
    return translate(::sendmsg(socket_.get(), &message, MSG_NOSIGNAL));
  }

  ssize_t send_file(int file, uint64_t offset, size_t size) override {
    auto at = static_cast<off_t>(offset);
    return translate(::sendfile(socket_.get(), file, &at, size));
  }

  void finish_writing() override { ::shutdown(socket_.get(), SHUT_WR); }

  void abort_on_close() override {
    const linger reset{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }

  [[nodiscard]] size_t unread() const override {
    int bytes = 0;
    return ::ioctl(socket_.get(), SIOCOUTQ, &bytes) == 0 ? static_cast<size_t>(bytes) : 0;
  }

  [[nodiscard]] bool at_end() const override {
    char byte = 0;
    const ssize_t got = ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
  }

  [[nodiscard]] int fd() const override { return socket_.get(); }

 private:
  UniqueFd socket_;
};

class BackgroundTransport final : public Transport {
 public:
  explicit BackgroundTransport(std::string request) : request_(std::move(request)) {}

  ssize_t read(char* buffer, size_t size) override {
    const size_t part = request_.copy(buffer, size, read_);
    read_ += part;
    return part > 0 ? static_cast<ssize_t>(part) : kAgain;
  }
  ssize_t write(const iovec* pieces, int count) override {
    size_t size = 0;
    for (int index = 0; index < count; ++index) size += pieces[index].iov_len;
    return static_cast<ssize_t>(size);
  }
  ssize_t send_file(int /*file*/, uint64_t /*offset*/, size_t size) override { return static_cast<ssize_t>(size); }
  void finish_writing() override {}
  void abort_on_close() override {}
  [[nodiscard]] size_t unread() const override { return 0; }
  [[nodiscard]] bool at_end() const override { return false; }
  [[nodiscard]] int fd() const override { return -1; }

 private:
  std::string request_;
  size_t read_ = 0;
};

}  // namespace

std::unique_ptr<Transport> make_background_transport(std::string request) {
  return std::make_unique<BackgroundTransport>(std::move(request));
}

std::unique_ptr<Transport> make_plain_transport(UniqueFd socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

}  // namespace askr::gateway
