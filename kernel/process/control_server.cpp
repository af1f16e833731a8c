#include "process/control_server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>

namespace askr::process {
namespace {

constexpr size_t kLongestCommand = 4096;
constexpr size_t kMostClients = 16;

}  // namespace

// One connection. A reply that comes after the client left finds the weak pointer expired.
class ControlClient final : public Watcher {
 public:
  ControlClient(ControlServer& server, UniqueFd socket) : server_(server), socket_(std::move(socket)) {}

  void on_ready(uint32_t /*events*/) override {
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

ControlServer::ControlServer(EventLoop& loop, Handler handler) : loop_(loop), handler_(std::move(handler)) {}

ControlServer::~ControlServer() {
  if (socket_) file_.remove();
}

void ControlServer::forget() {
  socket_.reset();
  clients_.clear();
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
  if (!socket || clients_.size() >= kMostClients) return;
  ControlClient& client = clients_.emplace_back(*this, std::move(socket));
  if (!loop_.add(client.fd(), EPOLLIN, client)) clients_.pop_back();
}

void ControlServer::drop(ControlClient* client) {
  loop_.remove(client->fd());
  clients_.remove_if([client](const ControlClient& other) { return &other == client; });
}

}  // namespace askr::process
