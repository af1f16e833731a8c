#include "gateway/request_context.hpp"

namespace askr::gateway {
namespace {

constexpr size_t kKeptCapacity = 16 << 10;

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
  move(head.target);
  move(head.raw_path);
  move(head.query);
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
  body_left = 0;
  has_head = committed = discard_body = stalled = broken = input_complete = false;
  keep_alive = true;
}

std::unique_ptr<RequestContext> ContextPool::take() {
  if (free_.empty()) return std::make_unique<RequestContext>(limits_, spool_folder_);
  std::unique_ptr<RequestContext> context = std::move(free_.back());
  free_.pop_back();
  return context;
}

void ContextPool::give_back(std::unique_ptr<RequestContext> context) {
  if (free_.size() >= kKept) return;
  context->clear();
  free_.push_back(std::move(context));
}

}  // namespace askr::gateway
