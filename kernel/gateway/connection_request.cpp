// What is done with a request: the phases, then a worker.
#include <algorithm>
#include <charconv>

#include "base/log.hpp"
#include "gateway/connection.hpp"
#include "gateway/error_pages.hpp"
#include "gateway/worker_request.hpp"

namespace askr::gateway {

using pipeline::Phase;
using pipeline::TargetKind;

namespace {

// Beside any other that the application knows.
constexpr const char* kUsualMethods = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";
// Sends back what it gets, fields that a script must not read from another site among them (RFC 9110 section 9.3.8).
constexpr std::string_view kTrace = "TRACE";
constexpr size_t kLongestTarget = 2048;  // in messages, and of a head that makes no sense

}  // namespace

void Connection::on_head() {
  pipeline::Transaction& transaction = context_->transaction;
  transaction.endpoint = &endpoint_;
  transaction.driver = this;
  transaction.connection_slots = &slots_;
  transaction.times.accepted = gateway_.now;
  context_->keep_alive = transaction.head.keep_alive && !gateway_.stopping;
  context_->input_complete = !transaction.head.chunked && transaction.head.content_length == 0;
  gateway_.ids.assign(transaction, transaction.head.header("x-request-id"));
  gateway_.proxies.apply(transaction);
  timer_.cancel();
  state_ = State::sending;  // until somebody says otherwise; hooks that answer do so at once

  if (transaction.head.target == "*") {
    transaction.response.status = 204;
    transaction.response.headers.add("Allow", kUsualMethods);
    answer();
    return;
  }
  if (transaction.head.method_text == kTrace && !gateway_.settings.server.trace) {
    make_error_page(transaction, 405);
    transaction.response.headers.add("Allow", kUsualMethods);
    answer();
    return;
  }
  run_phases();
}

// From where the request is to the worker. Ends early when a hook answers, fails or suspends; a resumed request comes
// here again.
void Connection::run_phases() {
  RequestContext& context = *context_;
  pipeline::Transaction& transaction = context.transaction;
  if (context.phase == Phase::request_head) {
    if (!passed_hooks()) return;
    resolve_target(gateway_.root, transaction);
    if (transaction.target.kind == TargetKind::bad_path) {
      answer_error(400);
      return;
    }
    enter(Phase::route);
  }
  if (context.phase == Phase::route) {
    if (!passed_hooks()) return;
    enter(Phase::lookup);
  }
  if (!passed_hooks()) return;
  if (transaction.target.kind != TargetKind::script) {
    answer_error(404);
    return;
  }
  prepare_dispatch();
}

void Connection::enter(Phase phase) {
  context_->phase = phase;
  context_->position = 0;
}

// True: go on. False: a hook has answered, failed or suspended.
bool Connection::passed_hooks() {
  RequestContext& context = *context_;
  return act_on(gateway_.pipeline.run(context.phase, context.transaction.handle, context.position));
}

// The request cannot be understood or taken: one answer, then the connection ends, because where the next request
// would begin is not certain.
void Connection::refuse(int status, const char* reason, unsigned retry_after) {
  pipeline::Transaction& transaction = context_->transaction;
  if (transaction.endpoint == nullptr) {  // the head never became complete
    note_request_line();
    transaction.endpoint = &endpoint_;
    transaction.times.accepted = gateway_.now;
    gateway_.ids.assign(transaction, {});
    gateway_.proxies.apply(transaction);
  }
  log::info("{} {} {}: {} (request {})", status, transaction.head.method_text, target_for_log(), reason,
            transaction.id());
  close_after_ = true;
  state_ = State::sending;
  answer_error(status, retry_after);
}

// A message is for reading.
std::string_view Connection::target_for_log() const {
  return context_->transaction.head.target.substr(0, kLongestTarget);
}

// Of a head that makes no sense, for the logs: what its first line begins with.
void Connection::note_request_line() {
  http::RequestHead& head = context_->transaction.head;
  head.clear();
  std::string_view line = context_->head_bytes;
  line = line.substr(0, std::min(line.find_first_of("\r\n"), kLongestTarget));
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || !std::all_of(line.begin(), line.begin() + space, http::is_token_char)) return;
  head.method_text = line.substr(0, space);
  line.remove_prefix(space + 1);
  head.target = line.substr(0, line.find(' '));
}

// PHP will answer: the body is read first, unless a plugin has had it read already.
void Connection::prepare_dispatch() {
  const http::RequestHead& head = context_->transaction.head;
  const uint64_t limit = gateway_.settings.server.body_limit();
  if (context_->has_body) {
    dispatch();
    return;
  }
  if (head.has_content_length && head.content_length > limit) {
    refuse(413, "the body is larger than server.max_body_size");
    return;
  }
  begin_body(limit);
}

void Connection::begin_body(uint64_t limit) {
  const http::RequestHead& head = context_->transaction.head;
  context_->body.begin(limit, gateway_.spool);
  if (!head.chunked && head.content_length == 0) {
    on_body();
    return;
  }
  state_ = State::body;
  set_timer(Timeout::body, gateway_.settings.server.body_timeout);
  if (head.expect_continue) {
    context_->output.append("HTTP/1.1 100 Continue\r\n\r\n");
    if (context_->output.write(*transport_) == Flow::broken) on_client_gone();
  }
}

// The body is complete.
void Connection::on_body() {
  RequestContext& context = *context_;
  context.input_complete = context.has_body = true;
  const http::RequestHead& head = context.transaction.head;
  if ((head.chunked || head.content_length > 0) && !passed_body_hooks({}, true)) return;
  if (context.reader.callback != nullptr) {
    deliver_body(ASKR_OK);
  } else {
    dispatch();
  }
}

void Connection::dispatch() {
  RequestContext& context = *context_;
  fill_worker_request(context.transaction, endpoint_, context.body.size(), gateway_.request);
  const exchange::GatewayPort::Body body{context.body.bytes(), context.body.file()};
  const int64_t queue_deadline = gateway_.now + gateway_.settings.server.queue_timeout;
  state_ = State::waiting;
  switch (gateway_.port.submit(gateway_.request, body, queue_deadline, context.slot)) {
    case exchange::Submitted::queued:
      break;
    case exchange::Submitted::queue_full:
      answer_error(503, 1);
      return;
    case exchange::Submitted::too_large:
      refuse(431, "the head does not fit its slot");
      return;
  }
  context.transaction.ran_in_worker = true;
  gateway_.by_slot[context.slot - gateway_.first_slot] = this;
  ++gateway_.in_flight;
  set_timer(Timeout::request, kWakeAgain);
}

// The request's slot is not ours any more.
void Connection::leave_worker() {
  note_times();
  gateway_.by_slot[context_->slot - gateway_.first_slot] = nullptr;
  context_->slot = kNoSlot;
  --gateway_.in_flight;
}

// Its slot is still as it was: this gateway alone gives it to another request.
void Connection::note_times() {
  const exchange::SlotTimes noted = gateway_.port.times(context_->slot, gateway_.now);
  pipeline::Times& times = context_->transaction.times;
  times.queued = noted.queued;
  times.started = noted.started;
  times.first_byte = noted.first_byte;
  times.left_worker = noted.done != 0 ? noted.done : gateway_.now;
}

// A request that is at the workers runs, whoever waits for it, as it would behind php-fpm: clients that fire and forget
// rely on it. One that plugins still hold ends here, as in nginx: it was not let in yet, or another one like it runs.
void Connection::on_client_gone() {
  if (context_->slot != kNoSlot) {
    if (!shed()) gateway_.stragglers.abandon(context_->slot);
    leave_worker();
  }
  pipeline::Transaction& transaction = context_->transaction;
  if (!context_->committed) transaction.response.status = 499;
  if (transaction.failure.empty()) transaction.failure = "the client has gone";
  log::debug("{} {}: {} (request {})", transaction.head.method_text, target_for_log(), transaction.failure,
             transaction.id());
  drop_output();
  conclude(transaction);
  gateway_.contexts.give_back(std::move(context_));
  close(Ending::abort);
}

// False: it runs already, or is going to.
bool Connection::shed() {
  const bool wanted = gateway_.drops_queued() || gateway_.queue_is_half_full();
  if (!wanted || !gateway_.port.withdraw(context_->slot)) return false;
  gateway_.note_shed();
  return true;
}

}  // namespace askr::gateway
