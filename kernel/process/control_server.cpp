#include "process/control_server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/clock.hpp"

namespace askr::process {
namespace {

constexpr size_t kLongestCommand = 4096;
constexpr size_t kMostClients = 16;
constexpr int64_t kTimeToAsk = 10 * kSecond;

}  // namespace

// One connection. A reply that comes after the client left finds the weak pointer expired.
class ControlClient final : public Watcher {
 public:
  ControlClient(ControlServer& server, UniqueFd socket) : server_(server), socket_(std::move(socket)) {}

  void on_ready(uint32_t /*events*/) override {
    if (!alive_) return;  // it was dropped in this very turn of the loop
    char buffer[kLongestCommand];
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0 || command_.size() + static_cast<size_t>(got) > kLongestCommand) {
      server_.drop(this);
      return;
    }
    command_.append(buffer, static_cast<size_t>(got));
    const size_t end = command_.find('\n');
    if (end == std::string::npos || asked_) return;
    asked_ = true;
    server_.handler_(command_.substr(0, end), [weak = std::weak_ptr<ControlClient*>(alive_)](const std::string& json) {
      if (const auto self = weak.lock()) (*self)->answer(json);
    });
  }

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] bool has_asked() const { return asked_; }
  void leave() { alive_.reset(); }
  // nullptr once it has gone.
  [[nodiscard]] std::weak_ptr<ControlClient*> handle() const { return alive_; }

 private:
  void answer(const std::string& json) {
    // Small enough for the socket buffer; a client that does not read it loses it.
    ::send(socket_.get(), json.data(), json.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    server_.drop(this);
  }

  ControlServer& server_;
  UniqueFd socket_;
  std::string command_;
  bool asked_ = false;
  std::shared_ptr<ControlClient*> alive_ = std::make_shared<ControlClient*>(this);
};

ControlServer::ControlServer(EventLoop& loop, Alarms& alarms, Handler handler)
    : loop_(loop), alarms_(alarms), handler_(std::move(handler)) {}

ControlServer::~ControlServer() {
  if (socket_) file_.remove();
}

void ControlServer::forget() {
  socket_.reset();
  clients_.clear();
  gone_.clear();
}

Result<> ControlServer::open(const std::string& path) {
  // Its own folder, such as /run/askr. One that cannot be made is found by bind().
  ::mkdir(std::filesystem::path(path).parent_path().c_str(), 0700);

  auto bound = bind_unix_socket(path, 0600);
  if (!bound) {
    return Error{"cannot make the control socket " + path + ": " + bound.error().message + " (see server.control)",
                 bound.error().exit_code};
  }
  socket_ = std::move(bound.value().fd);
  file_ = std::move(bound.value().file);
  if (::listen(socket_.get(), 8) != 0) return system_error("cannot listen on the control socket " + path);
  return loop_.add(socket_.get(), EPOLLIN, *this);
}

void ControlServer::on_ready(uint32_t /*events*/) {
  UniqueFd socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket || !make_room()) return;
  ControlClient& client = clients_.emplace_back(*this, std::move(socket));
  if (loop_.add(client.fd(), EPOLLIN, client)) {
    limit_time(client);
  } else {
    clients_.pop_back();
  }
}

// Who has been silent for longest goes. False: all of them wait for an answer.
bool ControlServer::make_room() {
  if (clients_.size() < kMostClients) return true;
  const auto silent =
      std::find_if(clients_.begin(), clients_.end(), [](const ControlClient& client) { return !client.has_asked(); });
  if (silent == clients_.end()) return false;
  drop(&*silent);
  return true;
}

void ControlServer::limit_time(ControlClient& client) {
  alarms_.at(monotonic_now() + kTimeToAsk, [this, weak = client.handle()] {
    const auto handle = weak.lock();
    if (handle && !(*handle)->has_asked()) drop(*handle);
  });
}

// The loop may have an event for it in this turn.
void ControlServer::drop(ControlClient* client) {
  const auto found =
      std::find_if(clients_.begin(), clients_.end(), [client](const ControlClient& other) { return &other == client; });
  if (found == clients_.end()) return;
  loop_.remove(client->fd());
  client->leave();
  gone_.splice(gone_.end(), clients_, found);
  alarms_.at(0, [this] { gone_.clear(); });
}

}  // namespace askr::process
