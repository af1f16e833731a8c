#include "gateway/request_context.hpp"

#include <malloc.h>

#include <algorithm>

#include "base/clock.hpp"
#include "pipeline/request_table.hpp"

namespace askr::gateway {
namespace {

constexpr size_t kKeptCapacity = 16 << 10;
constexpr int64_t kTrimAfter = kSecond;

void shrink(std::string& text) {
  text.clear();
  if (text.capacity() > kKeptCapacity) text.shrink_to_fit();
}

}  // namespace

void RequestContext::keep_head(const char* base, size_t size) {
  head_bytes.assign(base, size);
  const char* copy = head_bytes.data();
  const auto move = [base, copy](std::string_view& view) {
    if (view.data() != nullptr) view = {copy + (view.data() - base), view.size()};
  };
  http::RequestHead& head = transaction.head;
  move(head.method_text);
  if (head.completed_target == nullptr) {
    move(head.target);
    move(head.raw_path);
    move(head.query);
  }
  move(head.host);
  for (http::Header& header : head.headers) {
    move(header.name);
    move(header.value);
  }
}

void RequestContext::clear() {
  shrink(head_bytes);
  shrink(held);
  transaction.clear();
  body.clear();
  output.clear();
  slot = kNoSlot;
  framing = http::BodyFraming::none;
  body_left = received = 0;
  promised.reset();
  phase = pipeline::Phase::request_head;
  position = body_position = 0;
  resumed = has_body = false;
  reader = collector = {};
  filtered = 0;
  has_head = committed = hooks_done = unflushed = filter_failed = discard_body = filters_wait = stalled = broken =
      input_complete = false;
  keep_alive = true;
}

std::unique_ptr<RequestContext> ContextPool::take() {
  std::unique_ptr<RequestContext> context;
  if (free_.empty()) {
    context = std::make_unique<RequestContext>(limits_, spool_);
  } else {
    context = std::move(free_.back());
    free_.pop_back();
  }
  most_in_use_ = std::max(most_in_use_, ++in_use_);
  pipeline::request_table().enter(context->transaction);
  return context;
}

void ContextPool::give_back(std::unique_ptr<RequestContext> context) {
  context->clear();
  --in_use_;
  if (free_.size() < kKept) {
    free_.push_back(std::move(context));
  } else if (!timer_.armed()) {
    timers_.arm(timer_, Timeout::memory, monotonic_now() + kTrimAfter);
  }
}

// Only when most of them are gone: it takes a few milliseconds, and under load they would soon be needed again. Who is
// given back next asks anew.
void ContextPool::on_timeout(Timeout /*kind*/) {
  if (in_use_ > most_in_use_ / 4) return;
  ::malloc_trim(0);
  most_in_use_ = in_use_;
}

}  // namespace askr::gateway
