// The event loop by hand: every socket is registered once, edge-triggered, for reading. A request costs one recv(), one
// send() and its share of an epoll_wait() that returns up to 256 connections. A recv() that fills less than the buffer
// has emptied the socket, so there is no second recv() to be told EAGAIN.
//
// epoll_server PORT
#include <sys/epoll.h>

#include <cerrno>

#include "hello.hpp"

namespace askr::loop {

struct Connection {
  int fd;
  HeadCounter heads;
};

static char buffer[16384];
static std::string room;

static void watch(int epoll, int fd, uint32_t events, void* data) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = data;
  check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static void accept_all(int epoll, int listener) {
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    without_delay(fd);
    watch(epoll, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, new Connection{fd, {}});
  }
}

// False: the connection is over. A client that does not read its answers is cut off; a load generator reads them.
static bool serve(Connection& connection) {
  for (;;) {
    const ssize_t got = recv(connection.fd, buffer, sizeof buffer, 0);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    const unsigned count = connection.heads.feed({buffer, static_cast<size_t>(got)});
    if (count > 0) {
      const std::string_view bytes = answers(count, room);
      if (send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
        return false;
    }
    if (got < static_cast<ssize_t>(sizeof buffer)) return true;
  }
}

static void run(uint16_t port) {
  const int listener = listen_on(port);
  const int epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  watch(epoll, listener, EPOLLIN, nullptr);
  epoll_event events[256];
  for (;;) {
    const int ready = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      auto* connection = static_cast<Connection*>(events[i].data.ptr);
      if (connection == nullptr) {
        accept_all(epoll, listener);
      } else if (!serve(*connection) || (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
        close(connection->fd);
        delete connection;
      }
    }
  }
}

}  // namespace askr::loop

int main(int count, char** arguments) {
  if (count != 2) return std::fprintf(stderr, "usage: epoll_server PORT\n"), 2;
  askr::loop::run(static_cast<uint16_t>(std::atoi(arguments[1])));
}
