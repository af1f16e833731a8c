// The same server on standalone Asio, in the two ways one would write it:
//   read   async_read_some, then async_write, the way every tutorial does
//   wait   async_wait(wait_read), then recv() and send() by hand: Asio as a mere readiness loop
//
// asio_server read|wait PORT
#include <asio.hpp>
#include <memory>
#include <string>
#include <vector>

#include "hello.hpp"

namespace askr::loop {

using asio::ip::tcp;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(tcp::socket socket) : socket_(std::move(socket)) {}

  void read() {
    buffer_.resize(2048);  // held for as long as the read is pending, so by idle connections too
    socket_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](asio::error_code error, size_t got) {
      if (!error) self->answer({self->buffer_.data(), got});
    });
  }

  void wait() {
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](asio::error_code error) {
      if (!error && self->serve()) self->wait();
    });
  }

 private:
  void answer(std::string_view bytes) {
    const unsigned count = heads_.feed(bytes);
    if (count == 0) return read();
    const std::string_view reply = answers(count, room_);
    asio::async_write(socket_, asio::buffer(reply.data(), reply.size()),
                      [self = shared_from_this()](asio::error_code error, size_t) {
                        if (!error) self->read();
                      });
  }

  bool serve() {
    static char shared[16384];
    const ssize_t got = recv(socket_.native_handle(), shared, sizeof shared, MSG_DONTWAIT);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    const unsigned count = heads_.feed({shared, static_cast<size_t>(got)});
    if (count == 0) return true;
    const std::string_view reply = answers(count, room_);
    return send(socket_.native_handle(), reply.data(), reply.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(reply.size());
  }

  tcp::socket socket_;
  HeadCounter heads_;
  std::string room_;
  std::vector<char> buffer_;
};

enum class Style { kRead, kWait };

static void accept_next(tcp::acceptor& acceptor, Style style) {
  acceptor.async_accept([&acceptor, style](asio::error_code error, tcp::socket socket) {
    if (!error) {
      without_delay(socket.native_handle());
      auto connection = std::make_shared<Connection>(std::move(socket));
      style == Style::kRead ? connection->read() : connection->wait();
    }
    accept_next(acceptor, style);
  });
}

static void run(Style style, uint16_t port) {
  asio::io_context context(1);  // one thread: Asio leaves out its locks
  tcp::acceptor acceptor(context);
  acceptor.assign(tcp::v4(), listen_on(port));
  accept_next(acceptor, style);
  context.run();
}

}  // namespace askr::loop

int main(int count, char** arguments) {
  const std::string style = count == 3 ? arguments[1] : "";
  if (style != "read" && style != "wait") return std::fprintf(stderr, "usage: asio_server read|wait PORT\n"), 2;
  askr::loop::run(style == "read" ? askr::loop::Style::kRead : askr::loop::Style::kWait,
                  static_cast<uint16_t>(std::atoi(arguments[2])));
}
