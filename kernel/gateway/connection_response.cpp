// What goes to the client. Until the first byte is out (`committed`) a request can still be run again or become an
// error page.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/log.hpp"
#include "gateway/connection.hpp"
#include "gateway/error_pages.hpp"
#include "gateway/pieces.hpp"

namespace askr::gateway {

using http::BodyFraming;
using pipeline::Phase;

namespace {

// A body up to this size leaves with its head in one write, and what the client does not take of it is copied.
constexpr uint64_t kSmallBody = 64U << 10;

bool has_no_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace

void Connection::answer_error(int status, unsigned retry_after) {
  make_error_page(context_->transaction, status, retry_after);
  answer();
}

void Connection::answer() {
  RequestContext& context = *context_;
  pipeline::Transaction& transaction = context.transaction;
  state_ = State::sending;
  transaction.is_streaming = false;
  close_after_ = close_after_ || !context.input_complete;  // a body that nobody reads is still on the line
  const Hooked hooked = run_response_head();
  if (hooked == Hooked::held) {
    hold(Body::complete);
  } else {
    send_answer(hooked);
  }
}

// After the hooks.
void Connection::send_answer(Hooked hooked) {
  RequestContext& context = *context_;
  pipeline::Transaction& transaction = context.transaction;
  bool made = hooked == Hooked::passed;
  if (made && !is_bodiless() && !transaction.filters.empty()) made = filter_own_body();
  if (!made) {
    transaction.filters.clear();
    make_error_page(transaction, 500);
    run_response_head();  // the hooks have had their turn: this adds the request's id
  }
  choose_framing(true, transaction.body_length());
  const std::string_view head_bytes = write_head();
  if (context.discard_body) transaction.body.clear();
  const bool one_small_part =
      transaction.body.size() == 1 && transaction.body[0].file == nullptr && transaction.body[0].length <= kSmallBody;
  Flow flow;
  if (one_small_part) {
    const std::array<iovec, 2> pieces{as_iovec(head_bytes), as_iovec(transaction.body[0].bytes)};
    flow = context.output.send(*transport_, pieces.data(), 2);
    transaction.body_bytes_sent = transaction.body[0].length;
  } else {
    context.output.append(head_bytes);
    for (pipeline::BodyPart& part : transaction.body) {
      transaction.body_bytes_sent += part.length;
      if (part.file == nullptr) {
        context.output.append(part.keeper, part.bytes);
      } else {
        context.output.append(part.file, part.offset, part.length);
      }
    }
    flow = context.output.write(*transport_);
  }
  after_write(flow);
}

bool Connection::is_bodiless() const {
  const pipeline::Transaction& transaction = context_->transaction;
  return transaction.head.method == http::Method::head || has_no_body(transaction.response.status);
}

bool Connection::is_bodiless_in_worker() const {
  const pipeline::Transaction& transaction = context_->transaction;
  const bool is_head = transaction.head.method == http::Method::head && !transaction.wants_whole;
  return is_head || has_no_body(transaction.response.status);
}

// As the script says, which may be wrong.
std::optional<uint64_t> Connection::announced_length() const {
  const std::string_view text = context_->transaction.response.headers.find("Content-Length");
  uint64_t length = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return {};
  return length;
}

void Connection::choose_framing(bool length_known, uint64_t length) {
  RequestContext& context = *context_;
  const http::ResponseHead& response = context.transaction.response;
  const http::RequestHead& request = context.transaction.head;
  std::optional<uint64_t> announced;
  if (context.transaction.is_streaming && context.transaction.filters.keep_length()) announced = announced_length();

  context.discard_body = is_bodiless();
  context.body_left = 0;
  if (has_no_body(response.status)) {
    context.framing = BodyFraming::none;
  } else if (request.method == http::Method::head && !context.transaction.filters.keep_length()) {
    context.framing = BodyFraming::none;  // nobody knows what the filters would make of it
  } else if (request.method == http::Method::head && context.transaction.is_streaming) {
    // Unless it was asked for all of the page PHP makes no body for HEAD, so only the script can know the length.
    if (!announced && length_known && context.transaction.wants_whole) announced = length;
    context.framing = announced ? BodyFraming::content_length : BodyFraming::none;
    context.body_left = announced.value_or(0);
  } else if (announced || length_known) {
    context.framing = BodyFraming::content_length;
    context.body_left = announced.value_or(length);
  } else if (request.minor_version >= 1) {
    context.framing = BodyFraming::chunked;
  } else {
    context.framing = BodyFraming::until_close;
    context.keep_alive = false;
  }
}

std::string_view Connection::write_head() {
  RequestContext& context = *context_;
  if (gateway_.stopping || close_after_) context.keep_alive = false;
  http::WireOptions options;
  options.minor_version = context.transaction.head.minor_version;
  options.keep_alive = context.keep_alive;
  options.framing = context.framing;
  options.content_length = context.body_left;
  options.date = gateway_.date();
  gateway_.head_out.clear();
  http::write_response_head(context.transaction.response, options, gateway_.head_out);
  context.committed = true;
  return gateway_.head_out;
}

// A piece of body from a worker, through the filters.
void Connection::emit(std::string_view bytes, uint32_t piece_flags) {
  RequestContext& context = *context_;
  pipeline::Transaction& transaction = context.transaction;
  if (context.discard_body) return;
  if (transaction.filters.empty()) {
    send_body(bytes);
    return;
  }
  const auto send = [this](std::string_view filtered, uint32_t) { send_body(filtered); };
  const bool good =
      gateway_.budget.spend([&] { return transaction.filters.run(transaction.handle, bytes, piece_flags, send); });
  if (!good) context.filter_failed = true;
}

// The same as the client gets it.
void Connection::send_body(std::string_view bytes) {
  RequestContext& context = *context_;
  if (context.discard_body || bytes.empty()) return;
  if (context.framing == BodyFraming::content_length) {
    bytes = bytes.substr(0, std::min<uint64_t>(bytes.size(), context.body_left));
    context.body_left -= bytes.size();
  }
  context.transaction.body_bytes_sent += bytes.size();
  Flow flow;
  if (context.framing == BodyFraming::chunked) {
    std::array<char, 20> size_line;
    const auto end = fmt::format_to_n(size_line.data(), size_line.size(), "{:x}\r\n", bytes.size());
    const std::array<iovec, 3> pieces{as_iovec({size_line.data(), end.size}), as_iovec(bytes), as_iovec("\r\n")};
    flow = context.output.send(*transport_, pieces.data(), 3);
  } else {
    const iovec piece = as_iovec(bytes);
    flow = context.output.send(*transport_, &piece, 1);
  }
  context.broken = context.broken || flow == Flow::broken;
}

// The response cannot be completed: the client gets what there is, and must not take it for all. The end of the
// connection tells, unless it is what ends such a body anyway: then only a reset does.
void Connection::cut_off(std::string_view why) {
  RequestContext& context = *context_;
  pipeline::Transaction& transaction = context.transaction;
  transaction.failure = why;
  log::error("{} {}: response cut off, {} (request {})", transaction.head.method_text, target_for_log(), why,
             transaction.id());
  if (context.framing == BodyFraming::until_close) {
    on_client_gone();
    return;
  }
  context.keep_alive = context.stalled = false;
  state_ = State::sending;
  send_more();
}

void Connection::send_more() {
  after_write(context_->output.write(*transport_));
}

void Connection::after_write(Flow flow) {
  RequestContext& context = *context_;
  if (flow == Flow::broken || context.broken) {
    on_client_gone();
    return;
  }
  if (flow == Flow::file_short) {
    on_short_file();
    return;
  }
  if (flow == Flow::blocked && !context.output.empty()) {
    wait_for_client();
    if (context.stalled && context.output.pending() <= kStreamWindow / 2) take_segments();
    return;
  }
  if (state_ == State::sending) {
    finish_response();
    return;
  }
  if (state_ == State::waiting) {  // streaming: the client has everything so far
    const int64_t begun = gateway_.port.begun(context.slot);
    gateway_.timers.arm(timer_, Timeout::request, begun + gateway_.settings.server.request_timeout);
    if (context.stalled) take_segments();
  }
}

// Somebody has truncated it since its length was announced.
void Connection::on_short_file() {
  if (context_->slot != kNoSlot) {
    gateway_.stragglers.abandon(context_->slot);
    leave_worker();
  }
  drop_output();
  cut_off("a file became shorter while it was sent");
}

// What has not left this process never will.
void Connection::drop_output() {
  uint64_t& sent = context_->transaction.body_bytes_sent;
  sent -= std::min(sent, context_->output.pending());
  context_->output.clear();
}

void Connection::conclude(pipeline::Transaction& transaction) {
  transaction.times.done = gateway_.now;
  std::atomic<uint64_t>& requests = gateway_.record.requests;
  requests.store(requests.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  gateway_.pipeline.run_all(Phase::log, transaction.handle);
}

void Connection::finish_response() {
  RequestContext& context = *context_;
  conclude(context.transaction);
  const bool keep_alive = context.keep_alive && !gateway_.stopping;
  gateway_.contexts.give_back(std::move(context_));
  timer_.cancel();
  if (keep_alive && !close_after_) {
    next_request();
  } else if (close_after_ || readable_ || !leftover_.empty()) {
    linger();
  } else {
    close();
  }
}

void Connection::next_request() {
  state_ = State::idle;
  set_timer(Timeout::idle, gateway_.settings.server.idle_timeout);
  if (taking_input_) return;  // the loop there goes on by itself
  if (!leftover_.empty()) {
    const std::string input = std::exchange(leftover_, {});
    take_input(input.data(), input.size());
  }
  if (readable_ && wants_input()) receive();
}

}  // namespace askr::gateway
