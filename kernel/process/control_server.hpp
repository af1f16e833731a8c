// The control socket: `askr status` and `askr reload` talk to the master here. A client sends one line and reads one
// JSON document. Only local users who may open the socket (mode 0600) can connect; a few at a time, and one that has
// not sent its line after some seconds has to leave, at once when another one needs the place.
#pragma once

#include <functional>
#include <list>
#include <string>

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/unix_socket.hpp"
#include "process/alarms.hpp"

namespace askr::process {

class ControlClient;

class ControlServer final : public Watcher {
 public:
  // `on_command(command, reply)`: reply may be called later, once.
  using Reply = std::function<void(const std::string& json)>;
  using Handler = std::function<void(const std::string& command, Reply reply)>;

  ControlServer(EventLoop& loop, Alarms& alarms, Handler handler);
  ~ControlServer();

  // Error: another server answers there, something else is there, or the folder cannot be made.
  Result<> open(const std::string& path);
  // In a forked child: lets go of the descriptors without removing the socket.
  void forget();
  void on_ready(uint32_t events) override;

 private:
  friend class ControlClient;
  void drop(ControlClient* client);
  bool make_room();
  void limit_time(ControlClient& client);

  EventLoop& loop_;
  Alarms& alarms_;
  Handler handler_;
  UniqueFd socket_;
  SocketFile file_;
  std::list<ControlClient> clients_, gone_;
};

}  // namespace askr::process
