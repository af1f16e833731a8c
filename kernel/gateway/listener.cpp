#include "gateway/listener.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "gateway/connection.hpp"

namespace askr::gateway {
namespace {

constexpr int kBacklog = 4096;
// Per turn: few, so that several gateways share a burst of new clients.
constexpr int kAcceptsPerTurn = 4;
constexpr int64_t kTellAgain = 60 * kSecond;

Error cannot_listen(const config::ListenAddress& address, int number) {
  const char* hint = number == EADDRINUSE      ? " (is another server running there? see `ss -ltnp`)"
                     : number == EACCES        ? " (ports below 1024 need root or CAP_NET_BIND_SERVICE)"
                     : number == EADDRNOTAVAIL ? " (no interface of this machine has that address)"
                                               : "";
  return Error{"cannot listen on " + address.text() + ": " + std::strerror(number) + hint};
}

Result<UnixSocket> bind_unix(const config::ListenAddress& address, unsigned mode, std::optional<gid_t> group) {
  auto socket = bind_unix_socket(address.unix_path, mode, group);
  if (socket) return socket;
  return Error{"cannot listen on " + address.text() + ": " + socket.error().message, socket.error().exit_code};
}

enum class Sharing : uint8_t { alone, with_our_gateways };

Result<UniqueFd> bind_tcp(const config::ListenAddress& address, Sharing sharing) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const char* host = address.host.empty() ? nullptr : address.host.c_str();
  const int failed = ::getaddrinfo(host, std::to_string(address.port).c_str(), &hints, &found);
  if (failed != 0) return Error{"cannot listen on " + address.text() + ": " + ::gai_strerror(failed)};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);

  UniqueFd socket(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return cannot_listen(address, errno);
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (sharing == Sharing::with_our_gateways) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (found->ai_family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0) return cannot_listen(address, errno);
  return socket;
}

void describe(const sockaddr_storage& name, std::string& address, uint16_t& port) {
  char text[INET6_ADDRSTRLEN] = "";
  if (name.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(name);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    port = ntohs(in.sin_port);
  } else if (name.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(name);
    ::inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof text);
    port = ntohs(in.sin6_port);
  }
  address = text;
}

pipeline::Endpoint describe_endpoint(int socket, const sockaddr_storage& client) {
  pipeline::Endpoint endpoint;
  describe(client, endpoint.client_address, endpoint.client_port);
  sockaddr_storage server{};
  socklen_t size = sizeof server;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&server), &size) != 0) return endpoint;
  if (server.ss_family == AF_UNIX) {
    endpoint.server_address = "unix:" + std::string(reinterpret_cast<const sockaddr_un&>(server).sun_path);
  } else {
    describe(server, endpoint.server_address, endpoint.server_port);
  }
  return endpoint;
}

// Two servers that start at the same moment would both find the port free. A name in the abstract namespace is taken by
// one of them, for as long as it lives; the next one is told what it would have been told a moment later.
Result<UniqueFd> claim_port(const config::ListenAddress& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = "askr/" + address.text();
  const size_t size = std::min(text.size(), sizeof name.sun_path - 1);
  std::memcpy(name.sun_path + 1, text.data(), size);
  UniqueFd claim(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!claim) return cannot_listen(address, errno);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + size);
  if (::bind(claim.get(), reinterpret_cast<sockaddr*>(&name), length) != 0) return cannot_listen(address, errno);
  return claim;
}

}  // namespace

Result<std::vector<Listener>> bind_listeners(const config::ServerSettings& server, std::optional<gid_t> group) {
  std::vector<Listener> listeners;
  for (const config::ListenAddress& address : server.listen) {
    Listener& listener = listeners.emplace_back();
    listener.address = address;
    if (!address.unix_path.empty()) {
      UnixSocket socket = ASKR_TRY(bind_unix(address, server.socket_mode, group));
      listener.sockets.push_back(std::move(socket.fd));
      listener.file = std::move(socket.file);
      continue;
    }
    listener.claim = ASKR_TRY(claim_port(address));
    // A socket that shares its port would also share it with another server of ours: ask first without sharing.
    ASKR_TRY(bind_tcp(address, Sharing::alone));
    for (unsigned gateway = 0; gateway < server.gateways; ++gateway) {
      listener.sockets.push_back(ASKR_TRY(bind_tcp(address, Sharing::with_our_gateways)));
    }
  }
  return listeners;
}

Result<> start_listening(const std::vector<Listener>& listeners) {
  for (const Listener& listener : listeners) {
    for (const UniqueFd& socket : listener.sockets) {
      if (::listen(socket.get(), kBacklog) != 0) return cannot_listen(listener.address, errno);
    }
  }
  return ok();
}

void remove_unix_sockets(const std::vector<Listener>& listeners) {
  for (const Listener& listener : listeners) {
    if (!listener.file.path.empty()) listener.file.remove();
  }
}

void Acceptor::start() {
  if (running_) return;
  // Exclusive: of the gateways that share a Unix socket one is woken for a new client, not all.
  running_ = static_cast<bool>(gateway_.loop.add(socket_, EPOLLIN | EPOLLEXCLUSIVE, *this));
}

void Acceptor::stop() {
  if (running_) gateway_.loop.remove(socket_);
  running_ = false;
}

void Acceptor::close() {
  accept_some(kBacklog);
  stop();
  ::shutdown(socket_, SHUT_RDWR);
}

void Acceptor::on_ready(uint32_t /*events*/) {
  if (gateway_.is_full()) {
    wait_for_room(fmt::format("{} are connected (see server.max_connections)", gateway_.connections.size()));
  } else {
    accept_some(kAcceptsPerTurn);
  }
}

void Acceptor::accept_some(int most) {
  for (int count = 0; count < most && running_ && !gateway_.is_full(); ++count) {
    sockaddr_storage client{};
    socklen_t size = sizeof client;
    UniqueFd socket(::accept4(socket_, reinterpret_cast<sockaddr*>(&client), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        wait_for_room(std::strerror(errno));
      }
      return;
    }
    pipeline::Endpoint endpoint = describe_endpoint(socket.get(), client);
    endpoint.secure = gateway_.settings.server.https;
    Connection::accept(gateway_, make_plain_transport(std::move(socket)), std::move(endpoint));
  }
}

void Acceptor::wait_for_room(std::string_view why) {
  stop();
  gateway_.clients_wait = true;
  if (gateway_.told_of_waiting != 0 && gateway_.now < gateway_.told_of_waiting + kTellAgain) return;
  gateway_.told_of_waiting = gateway_.now;
  log::warning("no room for another client: {}; connections that are idle are closed for new ones", why);
}

}  // namespace askr::gateway
