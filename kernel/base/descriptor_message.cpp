#include "base/descriptor_message.hpp"

#include <sys/socket.h>

#include <cstring>

namespace askr {
namespace {

union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

msghdr message_of(iovec& piece) {
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  return message;
}

void attach(msghdr& message, Control& control) {
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
}

}  // namespace

bool send_message(int socket, std::string_view bytes, int descriptor, int flags) {
  iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message = message_of(piece);
  Control control{};
  if (descriptor >= 0) {
    attach(message, control);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
  }
  return ::sendmsg(socket, &message, flags | MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

ReceivedMessage receive_message(int socket, void* buffer, size_t size, int flags) {
  iovec piece{buffer, size};
  msghdr message = message_of(piece);
  Control control{};
  attach(message, control);
  ReceivedMessage received;
  received.size = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  if (received.size < 0) return received;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return received;
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  received.descriptor.reset(descriptor);
  return received;
}

}  // namespace askr
