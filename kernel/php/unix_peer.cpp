// The kernel tells by its diagnosis protocol, which is what `ss -x` uses. Nothing else says it: a pair of sockets has
// no names, and asking for the peer's process gives the one that has made the pair.
#include "php/unix_peer.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "base/fd.hpp"

namespace askr::php {
namespace {

struct Question {
  nlmsghdr head;
  unix_diag_req body;
};

bool ask(int netlink, ino_t socket) {
  Question question{};
  question.head.nlmsg_len = sizeof question;
  question.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.head.nlmsg_flags = NLM_F_REQUEST;
  question.body.sdiag_family = AF_UNIX;
  question.body.udiag_states = ~0U;
  question.body.udiag_ino = static_cast<uint32_t>(socket);
  question.body.udiag_show = UDIAG_SHOW_PEER;
  question.body.udiag_cookie[0] = question.body.udiag_cookie[1] = ~0U;  // any
  return ::send(netlink, &question, sizeof question, 0) == sizeof question;
}

ino_t peer_in(const unix_diag_msg* answer, size_t size) {
  size_t left = size - NLMSG_ALIGN(sizeof *answer);
  const auto* attribute =
      reinterpret_cast<const rtattr*>(reinterpret_cast<const char*>(answer) + NLMSG_ALIGN(sizeof *answer));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type != UNIX_DIAG_PEER || RTA_PAYLOAD(attribute) < sizeof(uint32_t)) continue;
    uint32_t peer = 0;
    std::memcpy(&peer, RTA_DATA(attribute), sizeof peer);
    return peer;
  }
  return 0;
}

}  // namespace

ino_t unix_peer(ino_t socket) {
  const UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink || !ask(netlink.get(), socket)) return 0;
  alignas(nlmsghdr) std::array<char, 4096> buffer;
  const ssize_t got = ::recv(netlink.get(), buffer.data(), buffer.size(), 0);
  nlmsghdr head{};
  if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(unix_diag_msg)))) return 0;
  std::memcpy(&head, buffer.data(), sizeof head);
  if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || head.nlmsg_len > static_cast<size_t>(got)) return 0;
  const auto* answer = reinterpret_cast<const unix_diag_msg*>(buffer.data() + NLMSG_HDRLEN);
  return answer->udiag_ino == static_cast<uint32_t>(socket) ? peer_in(answer, head.nlmsg_len - NLMSG_HDRLEN) : 0;
}

}  // namespace askr::php
