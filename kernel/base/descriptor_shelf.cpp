#include "base/descriptor_shelf.hpp"

#include <sys/socket.h>

#include "base/descriptor_message.hpp"

namespace askr {
namespace {

UniqueFd receive(int socket, int flags) {
  char byte = 0;
  return receive_message(socket, &byte, 1, flags | MSG_DONTWAIT).descriptor;
}

}  // namespace

Result<DescriptorShelf> DescriptorShelf::create() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0) return system_error("cannot make a socket pair");
  DescriptorShelf shelf;
  shelf.in_.reset(pair[0]);
  shelf.out_.reset(pair[1]);
  return shelf;
}

Result<> DescriptorShelf::put(int descriptor) {
  while (receive(out_.get(), 0)) {
  }
  if (!send_message(in_.get(), "d", descriptor, MSG_DONTWAIT)) return system_error("cannot pass a descriptor");
  return ok();
}

UniqueFd DescriptorShelf::copy() const {
  return receive(out_.get(), MSG_PEEK);
}

}  // namespace askr
