// What goes to the client: answers of the gateway itself and responses of workers.
//
// A worker's response is kept back until it is complete or large (kHold) or flush() was called. Complete ones get a
// Content-Length; the common small one leaves in a single write straight from the worker's block. Until the first byte
// is out the request can still be run again or become an error page (`committed`).
#include <spdlog/fmt/fmt.h>

#include <array>
#include <charconv>

#include "base/log.hpp"
#include "exchange/codec.hpp"
#include "gateway/connection.hpp"
#include "gateway/error_pages.hpp"

namespace askr::gateway {

using exchange::Progress;
using exchange::SegmentKind;
using http::BodyFraming;
using pipeline::Phase;

namespace {

constexpr size_t kHold = 256U << 10;
// How far a streaming worker may be ahead of its client.
constexpr uint64_t kStreamWindow = 256U << 10;
constexpr uint32_t kSegmentsAtOnce = 30;

iovec as_iovec(std::string_view bytes) {
  return {const_cast<char*>(bytes.data()), bytes.size()};
}

bool has_no_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace

// ---------------------------------------------------------------- answers of the gateway

void Connection::answer_error(int status, unsigned retry_after) {
  make_error_page(context_->transaction, status, retry_after);
  answer();
}

void Connection::answer() {
  RequestContext& context = *context_;
  pipeline::Transaction& transaction = context.transaction;
  state_ = State::sending;
  uint64_t length = 0;
  for (const pipeline::BodyPart& part : transaction.body) length += part.length;
  close_after_ = close_after_ || !context.input_complete;  // a body that nobody reads is still on the line
  if (!run_response_head()) return;
  choose_framing(true, length);
  const std::string_view head_bytes = write_head();
  const bool one_memory_part =
      !context.discard_body && transaction.body.size() == 1 && transaction.body[0].bytes != nullptr;
  Flow flow;
  if (one_memory_part && transaction.body[0].length <= OutputQueue::kMemoryLimit) {
    const pipeline::BodyPart& part = transaction.body[0];
    const std::array<iovec, 2> pieces{as_iovec(head_bytes),
                                      as_iovec(std::string_view(*part.bytes).substr(part.offset, part.length))};
    flow = context.output.send(*transport_, pieces.data(), 2);
    transaction.body_bytes_sent = part.length;
  } else {
    context.output.append(head_bytes);
    for (pipeline::BodyPart& part : transaction.body) {
      if (context.discard_body) break;
      transaction.body_bytes_sent += part.length;
      if (part.bytes) {
        context.output.append(part.bytes, part.offset, part.length);
      } else {
        context.output.append(part.file, part.offset, part.length);
      }
    }
    flow = context.output.write(*transport_);
  }
  after_write(flow);
}

// ---------------------------------------------------------------- responses of workers

void Connection::on_news() {
  take_segments();
}

void Connection::take_segments() {
  RequestContext& context = *context_;
  // Read before the segments: what is published before `complete` is seen is then all there is.
  const Progress progress = gateway_.port.progress(context.slot);
  context.stalled = false;
  if (progress == Progress::complete && !context.has_head && answer_at_once()) return;

  exchange::SegmentView segment;
  while (gateway_.port.peek(context.slot, segment)) {
    if (is_client_behind()) {
      // Only a write that finds the socket full makes the loop call again.
      context.broken = context.output.write(*transport_) == Flow::broken || context.broken;
      if (context.broken) break;
      context.stalled = is_client_behind();
      if (context.stalled) {
        set_timer(Timeout::send, gateway_.settings.server.send_timeout);
        return;
      }
    }
    switch (segment.kind) {
      case SegmentKind::interim:
        send_interim(segment.bytes);
        break;
      case SegmentKind::head:
        if (!take_worker_head(segment.bytes)) return;
        break;
      case SegmentKind::body:
        take_worker_body(segment.bytes);
        break;
    }
    gateway_.port.consume(context.slot);
  }
  if (context.broken) {
    on_client_gone();
    return;
  }
  settle(gateway_.port.progress(context.slot) == Progress::aborted ? Progress::aborted : progress);
}

bool Connection::is_client_behind() const {
  if (!context_->committed) return false;
  return gateway_.port.streaming(context_->slot) ? context_->output.pending() > kStreamWindow : context_->output.full();
}

bool Connection::answer_at_once() {
  RequestContext& context = *context_;
  exchange::SegmentView segment;
  if (!gateway_.port.peek(context.slot, segment) || segment.kind != SegmentKind::head) return false;
  exchange::SegmentView body;
  if (gateway_.port.peek(context.slot, body, kSegmentsAtOnce)) return false;

  if (!take_worker_head(segment.bytes)) return true;
  std::array<iovec, kSegmentsAtOnce + 1> pieces;
  int count = 1;
  uint64_t length = 0;
  for (uint32_t ahead = 1; gateway_.port.peek(context.slot, body, ahead); ++ahead) {
    pieces[static_cast<size_t>(count++)] = as_iovec(body.bytes);
    length += body.bytes.size();
  }
  choose_framing(true, length);
  pieces[0] = as_iovec(write_head());
  if (context.discard_body) count = 1;
  if (!context.discard_body) context.transaction.body_bytes_sent = length;
  const Flow flow = context.output.send(*transport_, pieces.data(), count);
  finish_body();
  after_write(flow);
  return true;
}

// What the worker's progress means once its segments are taken.
void Connection::settle(Progress progress) {
  RequestContext& context = *context_;
  switch (progress) {
    case Progress::running:
      if (context.has_head && !context.committed && gateway_.port.streaming(context.slot)) commit(false);
      if (context.committed) send_more();
      return;
    case Progress::complete:
      if (!context.has_head) break;
      if (!context.committed) commit(true);
      if (context.framing == BodyFraming::chunked && !context.discard_body) context.output.append("0\r\n\r\n");
      if (context.framing == BodyFraming::content_length && context.body_left > 0 && !context.discard_body) {
        gateway_.port.release(context.slot);
        leave_worker();
        cut_off("the script sent less than its Content-Length");
        return;
      }
      finish_body();
      send_more();
      return;
    case Progress::crashed:
      if (!context.committed && gateway_.port.first_attempt(context.slot) &&
          http::is_repeatable(context.transaction.head.method)) {
        context.has_head = false;
        context.held.clear();
        context.transaction.response.clear();
        gateway_.port.retry(context.slot, gateway_.now + gateway_.settings.server.queue_timeout);
        set_timer(Timeout::request, kWakeAgain);
        return;
      }
      break;
    case Progress::aborted:
      break;
  }
  gateway_.port.release(context.slot);
  leave_worker();
  if (context.committed) {
    cut_off(progress == Progress::crashed ? "the worker died" : "the script failed");
    return;
  }
  const pipeline::Transaction& transaction = context.transaction;
  const bool script_failed = progress == Progress::aborted && context.has_head;
  const int status = script_failed ? 500 : 502;
  const std::string_view why = progress == Progress::crashed ? "the worker died"
                               : script_failed               ? "the script failed"
                                                             : "the worker gave no response";
  log::error("{} {} {}: {} (request {})", status, transaction.head.method_text, transaction.head.target, why,
             transaction.id());
  answer_error(status);
}

// False: the head made no sense, the request has been answered.
bool Connection::take_worker_head(std::string_view bytes) {
  RequestContext& context = *context_;
  http::ResponseHead& response = context.transaction.response;
  gateway_.head_in.assign(bytes);
  exchange::ResponseHeadReader reader(gateway_.head_in);
  response.clear();
  response.status = reader.status();
  response.reason = reader.reason();
  std::string_view name;
  std::string_view value;
  while (reader.next(name, value)) response.headers.add(name, value);
  if (!reader.valid() || response.status < 200) {
    gateway_.port.abandon(context.slot);
    leave_worker();
    answer_error(502);
    return false;
  }
  context.has_head = true;
  const exchange::Slot& slot = gateway_.port.slot(context.slot);
  context.transaction.times.queued = slot.queued.load(std::memory_order_relaxed);
  context.transaction.times.started = slot.started.load(std::memory_order_relaxed);
  context.transaction.times.first_byte = slot.first_byte.load(std::memory_order_relaxed);
  return run_response_head();
}

void Connection::take_worker_body(std::string_view bytes) {
  RequestContext& context = *context_;
  if (!context.committed) {
    context.held.append(bytes);
    if (context.held.size() > kHold || gateway_.port.streaming(context.slot)) commit(false);
    return;
  }
  emit(bytes);
}

// 1xx responses exist since HTTP/1.1 (RFC 9110 section 15.2).
void Connection::send_interim(std::string_view bytes) {
  if (context_->transaction.head.minor_version == 0 || context_->committed) return;
  gateway_.head_in.assign(bytes);
  exchange::ResponseHeadReader reader(gateway_.head_in);
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", reader.status(), http::reason_phrase(reader.status()));
  std::string_view name;
  std::string_view value;
  while (reader.next(name, value)) {
    if (name.find_first_of("\r\n") != std::string_view::npos || value.find_first_of("\r\n") != std::string_view::npos) {
      continue;
    }
    text.append(name).append(": ").append(value).append("\r\n");
  }
  if (!reader.valid() || reader.status() >= 200) return;
  text += "\r\n";
  const iovec piece = as_iovec(text);
  context_->output.send(*transport_, &piece, 1);
}

// ---------------------------------------------------------------- both

// False: a hook failed; a plain error page is on its way.
bool Connection::run_response_head() {
  pipeline::Transaction& transaction = context_->transaction;
  transaction.response.headers.set("X-Request-Id", transaction.id());
  if (gateway_.pipeline.empty(Phase::response_head)) return true;
  return gateway_.pipeline.run(Phase::response_head, transaction) != pipeline::Verdict::fail;
}

void Connection::choose_framing(bool length_known, uint64_t length) {
  RequestContext& context = *context_;
  const http::ResponseHead& response = context.transaction.response;
  const http::RequestHead& request = context.transaction.head;
  const std::string_view announced = response.headers.find("Content-Length");
  uint64_t announced_length = 0;
  const auto parsed = std::from_chars(announced.data(), announced.data() + announced.size(), announced_length);
  const bool has_announced =
      !announced.empty() && parsed.ec == std::errc{} && parsed.ptr == announced.data() + announced.size();

  context.discard_body = request.method == http::Method::head || has_no_body(response.status);
  context.body_left = 0;
  if (has_no_body(response.status)) {
    context.framing = BodyFraming::none;
  } else if (request.method == http::Method::head && context.transaction.ran_in_worker) {
    // PHP makes no body for HEAD, so only the script can know the length.
    context.framing = has_announced ? BodyFraming::content_length : BodyFraming::none;
    context.body_left = announced_length;
  } else if (length_known) {
    context.framing = BodyFraming::content_length;
    context.body_left = length;
  } else if (has_announced) {
    context.framing = BodyFraming::content_length;
    context.body_left = announced_length;
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

// The head goes out, followed by what was held back.
void Connection::commit(bool length_known) {
  RequestContext& context = *context_;
  choose_framing(length_known, context.held.size());
  context.output.append(write_head());
  emit(context.held);
  context.held.clear();
}

void Connection::emit(std::string_view bytes) {
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

// The worker is done with this request.
void Connection::finish_body() {
  RequestContext& context = *context_;
  gateway_.port.release(context.slot);
  leave_worker();
  state_ = State::sending;
}

// The response cannot be completed: the client must not take what it has for all there is.
void Connection::cut_off(std::string_view why) {
  pipeline::Transaction& transaction = context_->transaction;
  transaction.failure = why;
  log::error("{} {}: response cut off, {} (request {})", transaction.head.method_text, transaction.head.target, why,
             transaction.id());
  on_client_gone();
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
  if (flow == Flow::blocked && !context.output.empty()) {
    set_timer(Timeout::send, gateway_.settings.server.send_timeout);
    if (context.stalled && context.output.pending() <= kStreamWindow / 2) take_segments();
    return;
  }
  if (state_ == State::sending) {
    finish_response();
    return;
  }
  if (state_ == State::waiting) {  // streaming: the client has everything so far
    const int64_t started = gateway_.port.slot(context.slot).started.load(std::memory_order_relaxed);
    gateway_.timers.arm(timer_, Timeout::request, started + gateway_.settings.server.request_timeout);
    if (context.stalled) take_segments();
  }
}

void Connection::finish_response() {
  RequestContext& context = *context_;
  context.transaction.times.done = gateway_.now;
  gateway_.pipeline.run(Phase::log, context.transaction);
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
