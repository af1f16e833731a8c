// The least that a server can do: a fixed response from memory for every request, by two processes with an epoll loop
// each. What the other servers of a round are measured against, as the limit of the machine and of the load generator.
//
// server PORT FILE [PROCESSES]
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>

#include "../loop/hello.hpp"

namespace {

using askr::loop::check;

struct Client {
  int fd;
  unsigned wanted = 0;  // responses that are due
  size_t sent = 0;      // of the current one
};

std::string response;
char buffer[16384];

// False: the client has gone.
bool send_due(Client& client) {
  while (client.wanted > 0) {
    const ssize_t sent = send(client.fd, response.data() + client.sent, response.size() - client.sent, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    client.sent += static_cast<size_t>(sent);
    if (client.sent < response.size()) continue;
    client.sent = 0;
    --client.wanted;
  }
  return true;
}

// Load generators send a whole head at a time: what ends with an empty line is a request.
bool serve(Client& client) {
  const ssize_t got = recv(client.fd, buffer, sizeof buffer, 0);
  if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
  if (got >= 4 && buffer[got - 1] == '\n' && buffer[got - 3] == '\n') ++client.wanted;
  return send_due(client);
}

void watch(int epoll, int fd, uint32_t events, void* data) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = data;
  check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

[[noreturn]] void run(uint16_t port) {
  const int listener = askr::loop::listen_on(port);
  const int epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  watch(epoll, listener, EPOLLIN, nullptr);
  epoll_event events[256];
  for (;;) {
    const int ready = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      auto* client = static_cast<Client*>(events[i].data.ptr);
      if (client == nullptr) {
        const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) continue;
        askr::loop::without_delay(fd);
        watch(epoll, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, new Client{fd});
      } else if (!serve(*client)) {
        close(client->fd);
        delete client;
      }
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return std::fprintf(stderr, "usage: server PORT FILE [PROCESSES]\n"), 2;
  std::ifstream file(arguments[2], std::ios::binary);
  const std::string body((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) return std::fprintf(stderr, "cannot read %s\n", arguments[2]), 1;
  response = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
             "\r\nServer: limit\r\n\r\n" + body;
  const auto port = static_cast<uint16_t>(std::atoi(arguments[1]));
  const int processes = count > 3 ? std::atoi(arguments[3]) : 2;
  for (int i = 1; i < processes; ++i) {
    if (fork() != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run(port);
  }
  run(port);
}
