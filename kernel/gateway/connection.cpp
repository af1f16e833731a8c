// Life of a connection: accepted, idle, timed out, closed.
#include "gateway/connection.hpp"

#include <algorithm>
#include <utility>

namespace askr::gateway {
namespace {

// How long we keep reading after an error so that the client gets to see our answer before a reset (RFC 9112 9.6).
constexpr int64_t kLinger = 2 * kSecond;

}  // namespace

void Connection::accept(GatewayState& gateway, std::unique_ptr<Transport> transport, pipeline::Endpoint endpoint) {
  if (!endpoint.background && !is_welcome(gateway, endpoint)) return;
  auto* connection = new Connection(gateway, std::move(transport), std::move(endpoint));
  const uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  const int fd = connection->transport_->fd();
  if (fd >= 0 && !gateway.loop.add(fd, events, *connection)) {
    delete connection;
    return;
  }
  connection->place_ = gateway.connections.size();
  gateway.connections.push_back(connection);
  gateway.record.connections.store(static_cast<uint32_t>(gateway.connections.size()), std::memory_order_relaxed);
  connection->set_timer(Timeout::idle, gateway.settings.server.idle_timeout);
  connection->readable_ = true;  // the request often came with the handshake's last packet
  connection->receive();
}

bool Connection::is_welcome(GatewayState& gateway, const pipeline::Endpoint& endpoint) {
  if (gateway.pipeline.empty(pipeline::Phase::connection)) return true;
  const askr_connection_info client{sizeof(askr_connection_info),
                                    endpoint.client_port,
                                    endpoint.secure,
                                    {endpoint.client_address.data(), endpoint.client_address.size()}};
  return gateway.pipeline.run_connection_hooks(client) == pipeline::Verdict::next;
}

Connection::~Connection() {
  slots_.clear(pipeline::slot_kinds().connection);
}

Connection::Connection(GatewayState& gateway, std::unique_ptr<Transport> transport, pipeline::Endpoint endpoint)
    : gateway_(gateway), transport_(std::move(transport)), timer_(*this), endpoint_(std::move(endpoint)) {}

void Connection::set_timer(Timeout kind, int64_t duration) {
  gateway_.timers.arm(timer_, kind, gateway_.now + duration);
}

// The client has a while to read on. A worker that still runs has no more time for its request because of that.
void Connection::wait_for_client() {
  unread_ = transport_->unread();
  int64_t deadline = gateway_.now + gateway_.settings.server.send_timeout;
  Timeout kind = Timeout::send;
  if (context_->slot != kNoSlot) {
    const int64_t end = gateway_.port.begun(context_->slot) + gateway_.settings.server.request_timeout;
    if (end < deadline && gateway_.port.state(context_->slot) == exchange::SlotState::running) {
      deadline = end;
      kind = Timeout::request;
    }
  }
  gateway_.timers.arm(timer_, kind, deadline);
}

// The kernel asks for more only when much of what it holds is gone, which a slow client may need minutes for.
bool Connection::has_read_on() const {
  return transport_->unread() < unread_;
}

void Connection::on_ready(uint32_t events) {
  if (state_ == State::closed) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
  hung_up_ = hung_up_ || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  const bool answering =
      state_ == State::waiting || state_ == State::held || state_ == State::sending || state_ == State::suspended;
  if (hung_up_ && answering && is_client_at_end()) {
    on_client_gone();
    return;
  }
  if ((events & EPOLLOUT) != 0 && context_ && !context_->output.empty()) send_more();
  if (state_ != State::closed && readable_ && wants_input()) receive();
}

// A client that has closed its side and left nothing more to read has gone; one that has merely sent everything ahead
// (pipelining) has not.
bool Connection::is_client_at_end() {
  return leftover_.empty() && transport_->at_end();
}

void Connection::on_timeout(Timeout kind) {
  switch (kind) {
    case Timeout::idle:
    case Timeout::linger:
      close();
      return;
    case Timeout::head:
      refuse(408, "the head took too long");
      return;
    case Timeout::body:
      refuse(408, "the body took too long");
      return;
    case Timeout::send:
      if (has_read_on()) {
        wait_for_client();
        return;
      }
      context_->transaction.failure = "the client read nothing";
      on_client_gone();
      return;
    case Timeout::request:
      on_request_timeout();
      return;
    case Timeout::file_cache:
    case Timeout::memory:  // none of ours
      return;
  }
}

void Connection::on_request_timeout() {
  if (state_ == State::suspended || state_ == State::held) {
    blame(context_->phase, "has suspended a request and not resumed it in time");
    context_->transaction.filters.clear();
    if (context_->slot != kNoSlot) {
      give_up_on_worker(504);
    } else {
      answer_error(504);
    }
    return;
  }
  const auto state = gateway_.port.state(context_->slot);
  if (state == exchange::SlotState::queued) {
    if (gateway_.now < gateway_.port.order(context_->slot).queue_deadline) {
      gateway_.exchange.wake_workers(1);
      // Not later than it could be over its time if it were taken now.
      const int64_t end = gateway_.now + gateway_.settings.server.request_timeout;
      gateway_.timers.arm(timer_, Timeout::request, std::min(gateway_.port.order(context_->slot).queue_deadline, end));
    } else if (gateway_.port.withdraw(context_->slot)) {
      leave_worker();
      answer_error(503, 1);
    } else {
      set_timer(Timeout::request, kMillisecond);  // taken this very moment
    }
    return;
  }
  const int64_t deadline = gateway_.port.begun(context_->slot) + gateway_.settings.server.request_timeout;
  if (gateway_.now < deadline) {
    gateway_.timers.arm(timer_, Timeout::request, deadline);
    return;
  }
  if (state != exchange::SlotState::running) {  // the worker has done its part in time, the client is behind
    wait_for_client();
    return;
  }
  gateway_.port.request_kill(context_->slot);
  gateway_.port.abandon(context_->slot);
  leave_worker();
  if (context_->committed) {
    cut_off("over the request timeout");
  } else {
    forget_hooks();
    answer_error(504);
  }
}

void Connection::on_stopping() {
  if (state_ == State::idle || (state_ == State::head && context_->head_bytes.empty())) close();
}

void Connection::linger() {
  transport_->finish_writing();
  state_ = State::lingering;
  set_timer(Timeout::linger, kLinger);
  receive();
}

void Connection::close(Ending ending) {
  if (state_ == State::closed) return;
  if (ending == Ending::abort) transport_->abort_on_close();
  state_ = State::closed;
  timer_.cancel();
  if (transport_->fd() >= 0) gateway_.loop.remove(transport_->fd());
  transport_.reset();
  gateway_.connections[place_] = gateway_.connections.back();
  gateway_.connections[place_]->place_ = place_;
  gateway_.connections.pop_back();
  gateway_.record.connections.store(static_cast<uint32_t>(gateway_.connections.size()), std::memory_order_relaxed);
  gateway_.closed.push_back(this);
}

}  // namespace askr::gateway
