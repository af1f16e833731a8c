// Responses that a plugin keeps back in response_head: until it has made something of them, or to see all of the body
// before anything is sent.
//
// While the body of a worker is collected the request waits for its worker as any other one. Then it is held: the
// plugin has been called, and resumes it when it likes. From the worker a complete body is taken over when it is handed
// to the plugin, so that the worker is free, and what the plugin makes of it is an answer of the gateway's own.
#include <algorithm>

#include "base/log.hpp"
#include "gateway/connection.hpp"
#include "pipeline/contain.hpp"

namespace askr::gateway {

using pipeline::Phase;
using pipeline::Verdict;

// Once per response. `failed`: nothing was sent.
Connection::Hooked Connection::run_response_head() {
  RequestContext& context = *context_;
  pipeline::Transaction& transaction = context.transaction;
  transaction.response.headers.set("X-Request-Id", transaction.id());
  if (context.hooks_done || gateway_.pipeline.empty(Phase::response_head)) return Hooked::passed;
  context.hooks_done = true;
  context.position = 0;
  return go_on_with_response_head();
}

Connection::Hooked Connection::go_on_with_response_head() {
  RequestContext& context = *context_;
  const Verdict verdict = gateway_.pipeline.run(Phase::response_head, context.transaction.handle, context.position);
  if (verdict == Verdict::suspend) return Hooked::held;
  context.collector = {};  // a wish that only a suspended request can have
  if (verdict == Verdict::next) return Hooked::passed;
  blame(Phase::response_head, "has failed a response");
  context.transaction.filters.clear();
  return Hooked::failed;
}

askr_status Connection::read_response_body(uint64_t limit, askr_body_callback callback, void* context) {
  const bool in_hook = context_->hooks_done && !context_->committed && state_ != State::held;
  if (!in_hook || callback == nullptr || is_collecting()) return ASKR_E_WRONG_STEP;
  context_->collector = {callback, context, limit};
  return ASKR_OK;
}

// A hook has suspended.
void Connection::hold(Body body) {
  context_->phase = Phase::response_head;
  if (!is_collecting()) {
    state_ = State::held;
    set_timer(Timeout::request, gateway_.settings.server.request_timeout);
  } else if (body == Body::complete) {
    collected(ASKR_OK);
  } else {
    state_ = State::waiting;  // for the rest of it
  }
}

// The plugin is called. It may resume the request in there.
void Connection::collected(askr_status status) {
  RequestContext& context = *context_;
  pipeline::Transaction& transaction = context.transaction;
  const BodyReader reader = std::exchange(context.collector, {});
  const uint64_t size = transaction.is_streaming ? context.held.size() : transaction.body_length();
  if (status == ASKR_OK && size > reader.limit) status = ASKR_E_TOO_LARGE;
  if (status == ASKR_OK && transaction.is_streaming) take_over_body();
  if (status == ASKR_OK && !gather_own_body()) status = ASKR_E_FAILED;
  state_ = State::held;
  set_timer(Timeout::request, gateway_.settings.server.request_timeout);
  const bool has_bytes = status == ASKR_OK && !transaction.body.empty();
  const std::string_view bytes = has_bytes ? transaction.body.front().bytes : std::string_view();
  pipeline::contain(gateway_.pipeline.plugin_before(Phase::response_head, context.position), "a body callback", 0, [&] {
    return reader.callback(reader.context, transaction.handle, status, {bytes.data(), bytes.size()}), 0;
  });
}

// A worker's complete body becomes the gateway's own, and the worker is free.
void Connection::take_over_body() {
  RequestContext& context = *context_;
  pipeline::Transaction& transaction = context.transaction;
  if (context.received > context.promised.value_or(context.received)) {
    warn_of_surplus();
    context.held.resize(*context.promised);
  }
  transaction.is_streaming = false;
  transaction.body.clear();
  if (!context.held.empty()) transaction.body.push_back(pipeline::BodyPart::of_text(std::exchange(context.held, {})));
  finish_body();
}

void Connection::go_on_with_response(Verdict verdict) {
  pipeline::Transaction& transaction = context_->transaction;
  state_ = transaction.is_streaming ? State::waiting : State::sending;
  Hooked hooked = Hooked::failed;
  if (verdict == Verdict::next) {
    hooked = go_on_with_response_head();
  } else {
    blame(Phase::response_head, "has failed a response");
    transaction.filters.clear();
  }
  if (!transaction.is_streaming) {
    if (hooked == Hooked::held) {
      hold(Body::complete);
    } else {
      send_answer(hooked);
    }
    return;
  }
  if (hooked == Hooked::failed) {
    give_up_on_worker(500);
    return;
  }
  if (hooked == Hooked::held) hold(Body::incomplete);
  if (state_ == State::waiting) take_segments();  // and see how far the worker is
}

}  // namespace askr::gateway
