#include "exchange/body_channel.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

namespace askr::exchange {
namespace {

// Linux gives a socket that is bound to nothing a name of this length in the abstract namespace (unix(7), autobind).
constexpr size_t kNameLength = 5;

struct Address {
  sockaddr_un value{};
  socklen_t size = offsetof(sockaddr_un, sun_path) + 1 + kNameLength;
};

uint64_t name_of(const Address& address) {
  uint64_t name = 0;
  std::memcpy(&name, address.value.sun_path + 1, kNameLength);
  return name;
}

Address address_of(uint64_t name) {
  Address address;
  address.value.sun_family = AF_UNIX;
  std::memcpy(address.value.sun_path + 1, &name, kNameLength);
  return address;
}

// A byte, with room for the credentials of its sender and one descriptor.
class Message {
 public:
  Message() : piece_{&byte_, 1} {
    header_.msg_iov = &piece_;
    header_.msg_iovlen = 1;
    header_.msg_control = control_;
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  void send(int socket, Address to, int fd) {
    header_.msg_name = &to.value;
    header_.msg_namelen = to.size;
    header_.msg_controllen = fd < 0 ? 0 : CMSG_LEN(sizeof fd);
    if (fd >= 0) {
      cmsghdr* item = CMSG_FIRSTHDR(&header_);
      item->cmsg_level = SOL_SOCKET;
      item->cmsg_type = SCM_RIGHTS;
      item->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(item), &fd, sizeof fd);
    }
    while (::sendmsg(socket, &header_, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
  }
  bool receive(int socket) {
    header_.msg_controllen = sizeof control_;
    if (::recvmsg(socket, &header_, MSG_CMSG_CLOEXEC) < 0) return false;
    for (cmsghdr* item = CMSG_FIRSTHDR(&header_); item != nullptr; item = CMSG_NXTHDR(&header_, item)) {
      if (item->cmsg_level != SOL_SOCKET) continue;
      if (item->cmsg_type == SCM_CREDENTIALS) {
        ucred sender{};
        std::memcpy(&sender, CMSG_DATA(item), sizeof sender);
        sender_ = sender.pid;
      } else if (item->cmsg_type == SCM_RIGHTS) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(item), sizeof fd);
        enclosed_.reset(fd);
      }
    }
    return true;
  }
  [[nodiscard]] pid_t sender() const { return sender_; }
  UniqueFd enclosed() { return std::move(enclosed_); }

 private:
  char byte_ = 0;
  iovec piece_;
  msghdr header_{};
  alignas(cmsghdr) char control_[CMSG_SPACE(sizeof(ucred)) + CMSG_LEN(sizeof(int))] = {};  // not for a second one
  pid_t sender_ = 0;
  UniqueFd enclosed_;
};

}  // namespace

BodyRequest::BodyRequest(ProcessRecord& own, uint64_t request)
    : own_(own), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  const int on = 1;
  const timeval second{1, 0};
  Address address;
  const sa_family_t family = AF_UNIX;
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&family), sizeof family) != 0 ||
      ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address.value), &address.size) != 0) {
    socket_.reset();
    return;
  }
  own_.body_address.store(name_of(address), std::memory_order_relaxed);
  own_.body_wanted.store(request, std::memory_order_release);
}

BodyRequest::~BodyRequest() {
  own_.body_wanted.store(0, std::memory_order_relaxed);
}

// Anybody on this machine may send something to the address: only the gateway is listened to.
UniqueFd BodyRequest::wait(const std::atomic<int32_t>& gateway, const std::function<bool()>& remind) const {
  if (!socket_) return {};
  while (remind()) {
    Message answer;
    while (answer.receive(socket_.get())) {
      UniqueFd file = answer.enclosed();
      if (answer.sender() == gateway.load(std::memory_order_relaxed)) return file;
    }
    if (errno != EAGAIN && errno != EINTR) return {};
  }
  return {};
}

Result<BodyDesk> BodyDesk::create() {
  BodyDesk desk;
  desk.socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!desk.socket_) return system_error("cannot make a socket");
  return desk;
}

// Opened once more: the worker gets a place of its own in the file, and may not write to it.
void BodyDesk::answer(const ProcessRecord& worker, int file) const {
  UniqueFd readable;
  if (file >= 0) readable.reset(::open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_RDONLY | O_CLOEXEC));
  const Address to = address_of(worker.body_address.load(std::memory_order_relaxed));
  Message().send(socket_.get(), to, readable ? readable.get() : file);
}

}  // namespace askr::exchange
