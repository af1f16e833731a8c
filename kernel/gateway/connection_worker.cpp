// Responses of workers.
//
// A response is kept back until it is complete or large (kHold) or flush() was called. Complete ones get a
// Content-Length; the common small one leaves in a single write straight from the worker's block.
#include <fmt/core.h>

#include <array>

#include "base/log.hpp"
#include "exchange/codec.hpp"
#include "gateway/connection.hpp"
#include "gateway/pieces.hpp"

namespace askr::gateway {

using exchange::Progress;
using exchange::SegmentKind;
using http::BodyFraming;

namespace {

constexpr size_t kHold = 256U << 10;
constexpr uint32_t kSegmentsAtOnce = 31;
// What filters get in one call of a body that is larger. In one turn of the loop they get as much as there is time for.
constexpr size_t kPiece = 16U << 10;

}  // namespace

void Connection::on_news() {
  if (state_ == State::waiting && !context_->filters_wait) take_segments();
}

void Connection::filter_more() {
  context_->filters_wait = false;
  if (state_ == State::waiting) take_segments();
}

void Connection::take_segments() {
  RequestContext& context = *context_;
  // Read before the segments: what is published before `complete` is seen is then all there is.
  const Progress progress = gateway_.port.progress(context.slot);
  context.stalled = false;
  if (progress == Progress::complete && !context.has_head && answer_at_once()) return;

  if (context.broken) {
    on_client_gone();
    return;
  }
  if (!filter_backlog(Backlog::as_time_permits)) return;
  exchange::SegmentView segment;
  // What is published meanwhile is news again.
  for (uint32_t left = gateway_.port.waiting(context.slot); left > 0; --left) {
    if (!gateway_.port.peek(context.slot, segment)) break;
    if (!may_filter()) return;
    if (is_client_behind()) {
      // Only a write that finds the socket full makes the loop call again.
      const Flow flow = context.output.write(*transport_);
      context.broken = context.broken || flow == Flow::broken || flow == Flow::file_short;
      if (context.broken) break;
      context.stalled = is_client_behind();
      if (context.stalled) {
        wait_for_client();
        return;
      }
    }
    switch (segment.kind) {
      case SegmentKind::interim:
        send_interim(segment.bytes);
        break;
      case SegmentKind::head:
        if (context.has_head) gateway_.port.distrust(context.slot);
        if (!context.has_head && !take_worker_head(segment.bytes)) return;
        break;
      case SegmentKind::body:
        take_worker_body(segment.bytes);
        break;
    }
    gateway_.port.consume(context.slot, segment);
    if (is_collecting()) {
      if (context.held.size() <= context.collector.limit) continue;
      collected(ASKR_E_TOO_LARGE);
      return;
    }
    const bool begins = context.held.size() > kHold || (context.has_head && gateway_.port.streaming(context.slot));
    if (!context.committed && begins && (!commit(false) || !filter_backlog(Backlog::as_time_permits))) return;
  }
  if (context.broken) {
    on_client_gone();
    return;
  }
  if (context.filter_failed) {
    gateway_.stragglers.abandon(context.slot);
    leave_worker();
    cut_off("a body filter failed");
    return;
  }
  settle(gateway_.port.progress(context.slot) == Progress::aborted ? Progress::aborted : progress);
}

bool Connection::is_client_behind() const {
  if (!context_->committed) return false;
  return gateway_.port.streaming(context_->slot) ? context_->output.pending() > kStreamWindow : context_->output.full();
}

// The common case: everything is there when we look first.
bool Connection::answer_at_once() {
  RequestContext& context = *context_;
  std::array<iovec, kSegmentsAtOnce> pieces;  // the first one is for our head
  const uint32_t count = gateway_.port.waiting(context.slot);
  if (count == 0 || count > pieces.size()) return false;
  uint64_t length = 0;
  exchange::SegmentView segment;
  for (uint32_t ahead = 1; ahead < count; ++ahead) {
    if (!gateway_.port.peek(context.slot, segment, ahead) || segment.kind != SegmentKind::body) return false;
    pieces[ahead] = as_iovec(segment.bytes);
    length += segment.bytes.size();
  }
  if (!gateway_.port.peek(context.slot, segment) || segment.kind != SegmentKind::head) return false;
  if (!take_worker_head(segment.bytes)) return true;

  if (!is_bodiless_in_worker()) {
    if (context.promised.value_or(length) != length) {
      context.has_head = false;  // it is read again
      return false;
    }
    context.transaction.worker_length = length;
  }
  const Hooked hooked = run_response_head();
  if (hooked == Hooked::failed) {
    give_up_on_worker(500);
    return true;
  }
  if (hooked == Hooked::held) {
    for (uint32_t index = 1; index < count; ++index) take_worker_body(as_view(pieces[index]));
    for (uint32_t left = count; left > 0 && gateway_.port.peek(context.slot, segment); --left) {
      gateway_.port.consume(context.slot, segment);
    }
    hold(Body::complete);
    return true;
  }
  if (!context.transaction.filters.empty() || announced_length() != context.promised) {
    for (uint32_t index = 1; index < count; ++index) take_worker_body(as_view(pieces[index]));
    settle_complete();
    return true;
  }
  choose_framing(true, length);
  pieces[0] = as_iovec(write_head());
  if (!context.discard_body) context.transaction.body_bytes_sent = length;
  const Flow flow = context.output.send(*transport_, pieces.data(), context.discard_body ? 1 : static_cast<int>(count));
  finish_body();
  after_write(flow);
  return true;
}

// What the worker's progress means once its segments are taken.
void Connection::settle(Progress progress) {
  RequestContext& context = *context_;
  if (progress == Progress::running) {
    settle_running();
    return;
  }
  if (progress == Progress::complete && context.has_head) {
    settle_complete();
    return;
  }
  if (progress == Progress::crashed && run_again()) return;
  gateway_.port.release(context.slot);
  leave_worker();
  if (!context.committed) forget_hooks();
  if (context.committed) {
    cut_off(progress == Progress::crashed ? "the worker died" : "the script failed");
    return;
  }
  const bool script_failed = progress == Progress::aborted && context.has_head;
  const int status = script_failed ? 500 : 502;
  const std::string_view why = progress == Progress::crashed ? "the worker died"
                               : script_failed               ? "the script failed"
                                                             : "the worker gave no response";
  log_failure(status, why);
  answer_error(status);
}

void Connection::log_failure(int status, std::string_view why) const {
  const pipeline::Transaction& transaction = context_->transaction;
  log::error("{} {} {}: {} (request {})", status, transaction.head.method_text, target_for_log(), why,
             transaction.id());
}

void Connection::settle_running() {
  RequestContext& context = *context_;
  const bool streaming = gateway_.port.streaming(context.slot);
  if (is_collecting()) return;
  if (context.has_head && !context.committed && streaming) {
    if (!commit(false) || !filter_backlog(Backlog::as_time_permits)) return;
  }
  if (!context.committed) return;
  if (context.unflushed && streaming) emit({}, ASKR_PIECE_FLUSH);
  context.unflushed = false;
  send_more();
}

void Connection::settle_complete() {
  RequestContext& context = *context_;
  const bool too_short = context.received < context.promised.value_or(0) && !is_bodiless_in_worker();
  if (is_collecting()) {
    collected(too_short ? ASKR_E_FAILED : ASKR_OK);
    return;
  }
  const bool was_committed = context.committed;
  if (!was_committed && !commit(!too_short)) return;
  if (too_short) {  // the client gets what there is of it: filters may have kept some back
    filter_backlog(Backlog::all_at_once);
    emit({}, ASKR_PIECE_FLUSH);
  } else if (was_committed) {
    emit({}, ASKR_PIECE_LAST);
  }
  const bool has_length = context.framing == BodyFraming::content_length && !context.discard_body;
  if (too_short || context.filter_failed || (has_length && context.body_left > 0)) {
    gateway_.port.release(context.slot);
    leave_worker();
    cut_off(context.filter_failed ? "a body filter failed" : "the script sent less than its Content-Length");
    return;
  }
  if (context.framing == BodyFraming::chunked && !context.discard_body) context.output.append("0\r\n\r\n");
  if (has_length && context.received > context.promised.value_or(context.received)) warn_of_surplus();
  finish_body();
  send_more();
}

void Connection::warn_of_surplus() const {
  const pipeline::Transaction& transaction = context_->transaction;
  log::warning("{} {}: the script sent {} bytes beyond its Content-Length (request {})", transaction.head.method_text,
               target_for_log(), context_->received - *context_->promised, transaction.id());
}

// The worker died before anything was sent: a request that is safe to repeat gets another one, once.
bool Connection::run_again() {
  RequestContext& context = *context_;
  if (context.committed || !gateway_.port.first_attempt(context.slot) ||
      !http::is_repeatable(context.transaction.head.method) ||
      !gateway_.port.retry(context.slot, gateway_.now + gateway_.settings.server.queue_timeout)) {
    return false;
  }
  context.has_head = context.transaction.is_streaming = false;
  context.held.clear();
  context.received = 0;
  context.transaction.response.clear();
  forget_hooks();
  set_timer(Timeout::request, kWakeAgain);
  return true;
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
    log_failure(502,
                fmt::format("the script answered with status {}, which is not that of a response", response.status));
    give_up_on_worker(502);
    return false;
  }
  http::remove_connection_fields(response.headers);
  context.has_head = context.transaction.is_streaming = true;
  context.promised = announced_length();
  note_times();
  return true;
}

void Connection::take_worker_body(std::string_view bytes) {
  RequestContext& context = *context_;
  context.received += bytes.size();
  if (!context.committed) {
    context.held.append(bytes);
    return;
  }
  context.unflushed = !context.transaction.filters.empty();
  if (!context.unflushed) {
    emit(bytes);
  } else {
    emit(std::string(bytes));  // filters may read twice what the worker can still write to
  }
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

// The head goes out, followed by what was held back. False: it could not be made, and another answer is on its way.
bool Connection::commit(bool length_known) {
  RequestContext& context = *context_;
  pipeline::Transaction& transaction = context.transaction;
  if (length_known && !is_bodiless_in_worker()) transaction.worker_length = context.held.size();
  const Hooked hooked = run_response_head();
  if (hooked == Hooked::held) {
    hold(length_known ? Body::complete : Body::incomplete);
    return false;
  }
  bool made = hooked == Hooked::passed;
  const bool is_filtered = !is_bodiless() && !transaction.filters.empty();
  if (made && is_filtered && length_known) made = filter_held_body(ASKR_PIECE_LAST);
  if (!made) {
    transaction.filters.clear();
    give_up_on_worker(500);
    return false;
  }
  choose_framing(length_known, context.held.size());
  context.output.append(write_head());
  if (is_filtered && !length_known) {  // in pieces, which is for the caller
    context.unflushed = true;
    return true;
  }
  send_body(context.held);
  context.held.clear();
  return true;
}

// Filters of a response that is under way get what was held back, and then what comes from the worker, as far as this
// turn of the loop has time for it. False: the rest waits for another turn.
bool Connection::filter_backlog(Backlog how) {
  RequestContext& context = *context_;
  if (!context.committed) return true;
  while (context.filtered < context.held.size()) {
    if (how == Backlog::as_time_permits && !may_filter()) return false;
    const std::string_view piece = std::string_view(context.held).substr(context.filtered, kPiece);
    context.filtered += piece.size();
    emit(piece);
  }
  context.held.clear();
  context.filtered = 0;
  return true;
}

bool Connection::may_filter() {
  RequestContext& context = *context_;
  if (!context.committed || context.transaction.filters.empty() || !gateway_.budget.is_spent()) return true;
  const Flow flow = context.output.write(*transport_);
  context.broken = context.broken || flow == Flow::broken || flow == Flow::file_short;
  context.filters_wait = true;
  gateway_.filtering.push_back(context.transaction.handle);
  return false;
}

// What hooks of response_head have made was for a response that will not be sent.
void Connection::forget_hooks() {
  RequestContext& context = *context_;
  context.transaction.filters.clear();
  context.hooks_done = false;
  context.collector = {};
}

// What still comes from the worker is not wanted.
void Connection::give_up_on_worker(int status) {
  gateway_.stragglers.abandon(context_->slot);
  leave_worker();
  answer_error(status);
}

// The worker is done with this request.
void Connection::finish_body() {
  RequestContext& context = *context_;
  gateway_.port.release(context.slot);
  leave_worker();
  state_ = State::sending;
}

}  // namespace askr::gateway
