// What comes from the client: bytes to heads and bodies.
#include <algorithm>

#include "gateway/connection.hpp"

namespace askr::gateway {
namespace {

constexpr unsigned kRetryAfterFull = 10;  // seconds; slow clients take a while to make room

}  // namespace

bool Connection::wants_input() const {
  return state_ == State::idle || state_ == State::head || state_ == State::body || state_ == State::lingering;
}

void Connection::receive() {
  while (readable_ && wants_input()) {
    const ssize_t got = transport_->read(gateway_.input.data(), gateway_.input.size());
    if (got == kAgain) {
      readable_ = false;
      return;
    }
    if (got <= 0) {
      on_end_of_input();
      return;
    }
    // Less than asked for: the socket is empty, and its next bytes will be a new event. The end of input will not, when
    // it came together with these bytes.
    if (static_cast<size_t>(got) < gateway_.input.size() && !hung_up_) readable_ = false;
    if (state_ != State::lingering) take_input(gateway_.input.data(), static_cast<size_t>(got));
  }
}

void Connection::on_end_of_input() {
  readable_ = false;
  if (state_ == State::body) {
    context_->transaction.failure = "the client left in the middle of the body";
    on_client_gone();
    return;
  }
  if (context_) gateway_.contexts.give_back(std::move(context_));
  close();
}

void Connection::take_input(const char* data, size_t size) {
  taking_input_ = true;
  while (size > 0 && (state_ == State::idle || state_ == State::head || state_ == State::body)) {
    if (state_ == State::idle) begin_request();
    const size_t used = state_ == State::head ? take_head(data, size) : take_body(data, size);
    data += used;
    size -= used;
  }
  taking_input_ = false;
  const bool for_later =
      state_ == State::waiting || state_ == State::held || state_ == State::sending || state_ == State::suspended;
  if (size > 0 && for_later) leftover_.assign(data, size);
}

void Connection::begin_request() {
  context_ = gateway_.contexts.take();
  context_->parser.begin();
  state_ = State::head;
}

size_t Connection::take_head(const char* data, size_t size) {
  RequestContext& context = *context_;
  http::ParseStep step;
  if (context.head_bytes.empty()) {
    step = context.parser.parse_head(data, 0, size, context.transaction.head);
    if (step.status == http::ParseStatus::complete) {
      context.keep_head(data, step.consumed);
    } else if (step.status == http::ParseStatus::need_more) {
      context.head_bytes.assign(data, size);
      set_timer(Timeout::head, gateway_.settings.server.head_timeout);
    }
  } else {
    const size_t before = context.head_bytes.size();
    context.head_bytes.append(data, size);
    step = context.parser.parse_head(context.head_bytes.data(), before, size, context.transaction.head);
  }
  switch (step.status) {
    case http::ParseStatus::need_more:
      return size;
    case http::ParseStatus::error:
      if (context.head_bytes.empty()) context.head_bytes.assign(data, size);
      refuse(step.error_status, step.reason);
      return size;
    case http::ParseStatus::complete:
      break;
  }
  on_head();
  return step.consumed;
}

size_t Connection::take_body(const char* data, size_t size) {
  RequestContext& context = *context_;
  struct Sink {
    Connection& connection;
    BodyIntake& body;
    Intake result = Intake::ok;
    pipeline::Verdict verdict = pipeline::Verdict::next;  // of plugins; acted upon when the parser has returned
  } sink{*this, context.body};
  const auto add = [](void* to, const char* bytes, size_t count) {
    auto& target = *static_cast<Sink*>(to);
    if (target.verdict != pipeline::Verdict::next || target.result != Intake::ok) return;
    target.verdict = target.connection.run_body_hooks({bytes, count}, false);
    if (target.verdict == pipeline::Verdict::next) target.result = target.body.add({bytes, count});
  };
  const http::ParseStep step = context.parser.parse_body(data, size, add, &sink);
  if (sink.verdict != pipeline::Verdict::next) {
    context.phase = pipeline::Phase::request_body;
    act_on(sink.verdict);
    return size;
  }
  if (sink.result == Intake::too_large) {
    if (context.reader.callback != nullptr) {
      deliver_body(ASKR_E_TOO_LARGE);
      return size;
    }
    refuse(413, "the body is larger than server.max_body_size");
    return size;
  }
  if (sink.result == Intake::over_limit) {
    refuse(503, "the spool is full (server.spool_limit)", kRetryAfterFull);
    return size;
  }
  if (sink.result == Intake::no_space) {
    refuse(507, "the spool folder is full");
    return size;
  }
  if (step.status == http::ParseStatus::error) {
    refuse(step.error_status, step.reason);
    return size;
  }
  if (step.status == http::ParseStatus::need_more) {
    set_timer(Timeout::body, gateway_.settings.server.body_timeout);
    return size;
  }
  on_body();
  return step.consumed;
}

}  // namespace askr::gateway
