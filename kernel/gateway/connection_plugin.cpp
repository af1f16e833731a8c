// What a request has to do with plugins beyond running their hooks: waiting for one, reading the body for one, the
// filters of its response, and saying which one is to blame.
#include <unistd.h>

#include <algorithm>

#include "base/log.hpp"
#include "gateway/conditions.hpp"
#include "gateway/connection.hpp"
#include "pipeline/contain.hpp"

namespace askr::gateway {

using pipeline::Phase;
using pipeline::Verdict;

namespace {

bool may_suspend(Phase phase) {
  return phase == Phase::request_head || phase == Phase::route || phase == Phase::lookup;
}

// All of a body that is at most the size that filters may see.
bool append_file(const pipeline::BodyPart& part, std::string& out) {
  const size_t before = out.size();
  out.resize(before + part.length);
  for (uint64_t done = 0; done < part.length;) {
    const ssize_t got = ::pread(part.file->get(), out.data() + before + done, part.length - done,
                                static_cast<off_t>(part.offset + done));
    if (got <= 0) return false;
    done += static_cast<uint64_t>(got);
  }
  return true;
}

}  // namespace

// ---------------------------------------------------------------- verdicts

// True: go on with the next phase.
bool Connection::act_on(Verdict verdict) {
  if (verdict != Verdict::suspend) context_->reader = {};  // a wish that only a suspended request can have
  switch (verdict) {
    case Verdict::next:
      return true;
    case Verdict::done:
      answer();
      return false;
    case Verdict::suspend:
      if (may_suspend(context_->phase)) {
        suspend();
        return false;
      }
      blame(context_->phase, "cannot suspend a request in this phase");
      break;
    case Verdict::fail:
      blame(context_->phase, "has failed a request");
      break;
  }
  answer_error(500);
  return false;
}

void Connection::blame(Phase phase, std::string_view what) {
  const pipeline::Transaction& transaction = context_->transaction;
  const uint32_t position = phase == Phase::request_body ? context_->body_position : context_->position;
  log::error("plugin {} {}, in {} of {} {} (request {})", gateway_.pipeline.plugin_before(phase, position), what,
             pipeline::phase_name(phase), transaction.head.method_text, target_for_log(), transaction.id());
}

void Connection::suspend() {
  state_ = State::suspended;
  set_timer(Timeout::request, gateway_.settings.server.request_timeout);
  if (context_->reader.callback == nullptr) return;
  if (context_->has_body) {
    deliver_body(ASKR_OK);
  } else {
    begin_body(context_->reader.limit);
  }
}

bool Connection::resume(Verdict verdict) {
  if ((state_ != State::suspended && state_ != State::held) || context_->resumed) return false;
  context_->resumed = true;
  context_->resume_with = verdict;
  gateway_.resumed.push_back(context_->transaction.handle);
  return true;
}

void Connection::on_plugin_dropped() {
  const bool waits_with_body = state_ == State::body && context_->reader.callback != nullptr;
  const bool waits_with_response = state_ == State::held || (state_ == State::waiting && is_collecting());
  if (state_ != State::suspended && !waits_with_body && !waits_with_response) return;
  context_->reader = context_->collector = {};
  context_->transaction.filters.clear();
  if (context_->slot != kNoSlot) {
    give_up_on_worker(503);
  } else {
    answer_error(503, 1);
  }
}

void Connection::go_on() {
  const bool waits = state_ == State::suspended || state_ == State::held;
  if (!waits || !context_->resumed) return;  // it was answered in the same turn: time was up
  const Verdict verdict = context_->resume_with;
  context_->resumed = false;
  timer_.cancel();
  if (state_ == State::held) {
    go_on_with_response(verdict);
    return;
  }
  state_ = State::sending;
  if (act_on(verdict)) run_phases();
  if (state_ != State::body || leftover_.empty()) return;
  const std::string input = std::exchange(leftover_, {});
  take_input(input.data(), input.size());
  if (readable_ && wants_input()) receive();
}

// What is about this client's copy, its connection or its waiting is not repeated.
askr_status Connection::repeat() {
  static constexpr std::string_view kLeftOut[] = {"Range",  "Connection",        "Keep-Alive",   "Content-Length",
                                                  "Expect", "Transfer-Encoding", "X-Request-Id", "Upgrade"};
  const pipeline::Transaction& transaction = context_->transaction;
  const http::RequestHead& head = transaction.head;
  if (head.method != http::Method::get) return ASKR_E_INVALID;
  if (endpoint_.background) return ASKR_E_WRONG_STEP;
  std::string text;
  text.append("GET ").append(head.target).append(" HTTP/1.1\r\n");
  if (head.header("Host").data() == nullptr) text.append("Host: ").append(head.host).append("\r\n");
  for (const http::Header& field : head.headers) {
    const bool is_condition = field.name.size() > 3 && http::equals_ignoring_case(field.name.substr(0, 3), "If-");
    const auto is_it = [&](std::string_view name) { return http::equals_ignoring_case(name, field.name); };
    if (is_condition || std::any_of(std::begin(kLeftOut), std::end(kLeftOut), is_it)) continue;
    const bool is_host = is_it("Host");
    text.append(field.name).append(": ").append(is_host ? head.host : field.value).append("\r\n");
  }
  text.append("Connection: close\r\n\r\n");
  gateway_.repeats.push_back({std::move(text), endpoint_});
  gateway_.repeats.back().endpoint.background = true;
  return ASKR_OK;
}

void Connection::apply_conditions() {
  gateway::apply_conditions(context_->transaction);
}

// ---------------------------------------------------------------- request bodies

askr_status Connection::read_body(uint64_t limit, askr_body_callback callback, void* context) {
  const http::RequestHead& head = context_->transaction.head;
  if (state_ == State::waiting || context_->committed || context_->reader.callback != nullptr) {
    return ASKR_E_WRONG_STEP;
  }
  if (head.has_content_length && head.content_length > limit) return ASKR_E_TOO_LARGE;
  context_->reader = {callback, context, limit};
  return ASKR_OK;
}

// The reader may resume the request from inside its callback, or later.
void Connection::deliver_body(askr_status status) {
  state_ = State::suspended;
  set_timer(Timeout::request, gateway_.settings.server.request_timeout);
  const BodyReader reader = std::exchange(context_->reader, {});
  const BodyIntake& body = context_->body;
  std::string spooled;
  const std::shared_ptr<const UniqueFd> file = body.file();
  if (status == ASKR_OK && file != nullptr) {
    const pipeline::BodyPart part{{}, file, nullptr, 0, body.size()};
    if (!append_file(part, spooled)) status = ASKR_E_FAILED;
  }
  const std::string_view bytes = file != nullptr ? spooled : body.bytes();
  const askr_str view{bytes.data(), bytes.size()};
  pipeline::contain(gateway_.pipeline.plugin_before(context_->phase, context_->position), "a body callback", 0,
                    [&] { return reader.callback(reader.context, context_->transaction.handle, status, view), 0; });
}

// False: a hook has answered or failed.
bool Connection::passed_body_hooks(std::string_view piece, bool last) {
  if (gateway_.pipeline.empty(Phase::request_body)) return true;
  const Verdict verdict = run_body_hooks(piece, last);
  if (verdict == Verdict::next) return true;
  context_->phase = Phase::request_body;
  return act_on(verdict);
}

Verdict Connection::run_body_hooks(std::string_view piece, bool last) {
  return gateway_.pipeline.run_body_hooks(context_->transaction.handle, {piece.data(), piece.size()}, last,
                                          context_->body_position);
}

// ---------------------------------------------------------------- responses

// An answer of the gateway's own becomes one piece of memory.
bool Connection::gather_own_body() {
  std::vector<pipeline::BodyPart>& body = context_->transaction.body;
  if (body.empty() || (body.size() == 1 && body.front().file == nullptr)) return true;
  std::string whole;
  for (const pipeline::BodyPart& part : body) {
    if (part.file == nullptr) {
      whole.append(part.bytes);
    } else if (!append_file(part, whole)) {
      return false;
    }
  }
  body.clear();
  body.push_back(pipeline::BodyPart::of_text(std::move(whole)));
  return true;
}

// And what the filters make of it.
bool Connection::filter_own_body() {
  if (!gather_own_body()) return false;
  pipeline::Transaction& transaction = context_->transaction;
  const std::string_view before = transaction.body.empty() ? std::string_view() : transaction.body.front().bytes;
  std::string after;
  const auto collect = [&after](std::string_view bytes, uint32_t) { after.append(bytes); };
  if (!transaction.filters.run(transaction.handle, before, ASKR_PIECE_LAST, collect)) return false;
  transaction.body.clear();
  transaction.body.push_back(pipeline::BodyPart::of_text(std::move(after)));
  return true;
}

// The same for what a worker has sent so far.
bool Connection::filter_held_body(uint32_t piece_flags) {
  pipeline::Transaction& transaction = context_->transaction;
  std::string after;
  const auto collect = [&after](std::string_view bytes, uint32_t) { after.append(bytes); };
  if (!transaction.filters.run(transaction.handle, context_->held, piece_flags, collect)) return false;
  context_->held.swap(after);
  return true;
}

}  // namespace askr::gateway
