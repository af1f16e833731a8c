// What both servers share, so that they differ in nothing but their event loop: the listener, the answer, and a parser
// that only looks for the empty line that ends a request head.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace askr::loop {

inline constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nServer: loop\r\n\r\nhello";

// Counts the heads that end in what came in so far; a head may be split over several reads.
class HeadCounter {
 public:
  unsigned feed(std::string_view bytes) {
    unsigned complete = 0;
    for (char byte : bytes) {
      const bool expected = byte == (matched_ % 2 == 0 ? '\r' : '\n');
      matched_ = expected ? matched_ + 1 : (byte == '\r' ? 1 : 0);
      if (matched_ == 4) {
        ++complete;
        matched_ = 0;
      }
    }
    return complete;
  }

 private:
  unsigned matched_ = 0;
};

// The answers to `count` pipelined requests, in one piece: nearly always a view of the single answer.
inline std::string_view answers(unsigned count, std::string& room) {
  if (count == 1) return kAnswer;
  room.clear();
  for (unsigned i = 0; i < count; ++i) room += kAnswer;
  return room;
}

inline int check(int value, const char* what) {
  if (value >= 0) return value;
  std::perror(what);
  std::exit(1);
}

// A non-blocking listener on 127.0.0.1; several processes may share the port.
inline int listen_on(uint16_t port) {
  const int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  const int on = 1;
  check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
  check(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "SO_REUSEPORT");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  check(listen(fd, 511), "listen");
  return fd;
}

inline void without_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace askr::loop
