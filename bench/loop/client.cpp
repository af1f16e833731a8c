// A load of an exact size: CONNECTIONS keep-alive connections, TOTAL requests over all of them, one in flight on each.
// A fixed number of requests makes instruction and system call counts comparable; wrk counts time instead.
//
// client PORT CONNECTIONS TOTAL
#include <cstring>
#include <vector>

#include "hello.hpp"

namespace askr::loop {

static constexpr std::string_view kRequest = "GET /hello.php HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

static int connect_to(uint16_t port) {
  const int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
  without_delay(fd);
  return fd;
}

static void expect_answer(int fd) {
  char bytes[512];
  size_t have = 0;
  while (have < kAnswer.size()) {
    const ssize_t got = recv(fd, bytes + have, sizeof bytes - have, 0);
    if (got <= 0) check(-1, "recv");
    have += static_cast<size_t>(got);
  }
  if (std::memcmp(bytes, kAnswer.data(), kAnswer.size()) != 0) check(-1, "unexpected answer");
}

static void run(uint16_t port, unsigned connections, unsigned total) {
  std::vector<int> sockets;
  for (unsigned i = 0; i < connections; ++i) sockets.push_back(connect_to(port));
  for (unsigned sent = 0; sent < total; sent += connections) {
    for (int fd : sockets) check(static_cast<int>(send(fd, kRequest.data(), kRequest.size(), 0)), "send");
    for (int fd : sockets) expect_answer(fd);
  }
}

}  // namespace askr::loop

int main(int count, char** arguments) {
  if (count != 4) return std::fprintf(stderr, "usage: client PORT CONNECTIONS TOTAL\n"), 2;
  askr::loop::run(static_cast<uint16_t>(std::atoi(arguments[1])), static_cast<unsigned>(std::atoi(arguments[2])),
                  static_cast<unsigned>(std::atoi(arguments[3])));
}
