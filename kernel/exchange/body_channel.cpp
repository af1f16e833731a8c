#include "exchange/body_channel.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace askr::exchange {
namespace {

struct Place {
  uint32_t slot, ticket;
};

// A message with room for one descriptor.
class Message {
 public:
  explicit Message(Place& place) : piece_{&place, sizeof place} {
    header_.msg_iov = &piece_;
    header_.msg_iovlen = 1;
    header_.msg_control = control_;
    header_.msg_controllen = CMSG_LEN(sizeof(int));  // padding would have room for a second one
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  void enclose(int fd) {
    cmsghdr* item = CMSG_FIRSTHDR(&header_);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(item), &fd, sizeof fd);
  }
  bool send(int socket, int flags) {
    ssize_t sent = -1;
    do {
      sent = ::sendmsg(socket, &header_, flags | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
  }
  ssize_t receive(int socket, int flags) {
    ssize_t got = -1;
    do {
      got = ::recvmsg(socket, &header_, flags | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    return got;
  }
  // What came with it; without a descriptor: nothing did.
  UniqueFd enclosed() {
    const cmsghdr* item = CMSG_FIRSTHDR(&header_);
    if (item == nullptr || item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) return {};
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(item), sizeof fd);
    return UniqueFd(fd);
  }

 private:
  iovec piece_;
  msghdr header_{};
  alignas(cmsghdr) char control_[CMSG_SPACE(sizeof(int))] = {};
};

}  // namespace

Result<BodyChannel> BodyChannel::create() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) != 0) return system_error("cannot make a socket pair");
  BodyChannel channel;
  channel.gateway_end_.reset(ends[0]);
  channel.worker_end_.reset(ends[1]);
  return channel;
}

UniqueFd BodyChannel::ask(uint32_t slot, uint32_t ticket) const {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return {};
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  Place place{slot, ticket};
  Message question(place);
  question.enclose(theirs.get());
  if (!question.send(worker_end_.get(), 0)) return {};
  theirs.reset();  // so that the end of whoever could answer is an answer too
  Place echo{};
  Message answer(echo);
  if (answer.receive(ours.get(), 0) <= 0) return {};
  return answer.enclosed();
}

bool BodyChannel::next(Question& question) const {
  Place place{};
  Message message(place);
  if (message.receive(gateway_end_.get(), MSG_DONTWAIT) < 0) return false;
  question.answer = message.enclosed();
  question.slot = place.slot;
  question.ticket = place.ticket;
  return true;
}

void BodyChannel::answer(const Question& question, const UniqueFd& file) {
  Place place{question.slot, question.ticket};
  Message message(place);
  message.enclose(file.get());
  message.send(question.answer.get(), MSG_DONTWAIT);
}

}  // namespace askr::exchange
