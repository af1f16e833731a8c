// Listening sockets: bound by the master before anything else, so that a port in use is an error at once; listened on
// only when workers are ready, so that no client is accepted before it can be served. Each gateway has a TCP socket of
// its own for an address and the kernel spreads clients over them (SO_REUSEPORT); a Unix socket is shared.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/unix_socket.hpp"
#include "config/settings.hpp"
#include "gateway/gateway_state.hpp"

namespace askr::gateway {

struct Listener {
  config::ListenAddress address;
  std::vector<UniqueFd> sockets;  // one per gateway, or one for all
  SocketFile file;                // of a Unix socket
  UniqueFd claim;                 // keeps other servers from the port; see claim_port

  [[nodiscard]] int socket_of(unsigned gateway) const {
    return sockets[std::min<size_t>(gateway, sockets.size() - 1)].get();
  }
};

// Errors name the address and what to do. A Unix socket that a dead server has left is replaced; its file belongs to
// `group`, where there is one.
Result<std::vector<Listener>> bind_listeners(const config::ServerSettings& server, std::optional<gid_t> group = {});
Result<> start_listening(const std::vector<Listener>& listeners);
// Removes the files of Unix sockets, where they are still ours.
void remove_unix_sockets(const std::vector<Listener>& listeners);

// Accepts clients for one gateway from one listener.
class Acceptor final : public Watcher {
 public:
  Acceptor(GatewayState& gateway, int socket) : gateway_(gateway), socket_(socket) {}
  // Idempotent. Stopped while the server stops, or a client waits because descriptors or max_connections are used up:
  // then GatewayState::clients_wait asks the gateway for room.
  void start();
  void stop();
  // Takes the clients that have connected already, then refuses new ones, for all processes that share the socket.
  void close();
  void on_ready(uint32_t events) override;

 private:
  void accept_some(int most);
  void wait_for_room(std::string_view why);

  GatewayState& gateway_;
  const int socket_;
  bool running_ = false;
};

}  // namespace askr::gateway
