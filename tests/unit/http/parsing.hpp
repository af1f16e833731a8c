// Helpers of the parser tests: one request, given whole or byte by byte, and what came of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/request_parser.hpp"

namespace askr::test {

struct Parsed {
  http::ParseStatus status = http::ParseStatus::need_more;
  int error_status = 0;
  std::string reason;
  http::RequestHead head;
  std::string body;
  size_t consumed = 0;  // of the whole input
};

// Feeds `input` in pieces of `piece` bytes; the head lies in `storage`, which has to outlive the result. Between calls
// the memory of the head is moved, as a growing buffer does.
inline Parsed parse(std::string_view input, std::string& storage, size_t piece, const http::ParserLimits& limits = {}) {
  Parsed result;
  http::RequestParser parser(limits);
  bool in_body = false;
  const auto add = [](void* body, const char* data, size_t size) {
    static_cast<std::string*>(body)->append(data, size);
  };
  storage.clear();
  while (result.status == http::ParseStatus::need_more && !input.empty()) {
    const std::string_view next = input.substr(0, piece);
    http::ParseStep step;
    if (in_body) {
      step = parser.parse_body(next.data(), next.size(), add, &result.body);
    } else {
      std::string moved;
      moved.reserve(storage.size() + next.size());
      moved.append(storage).append(next);
      const size_t old_size = storage.size();
      storage = std::move(moved);
      step = parser.parse_head(storage.data(), old_size, next.size(), result.head);
    }
    result.consumed += step.consumed;
    input.remove_prefix(step.consumed);
    if (step.status == http::ParseStatus::error) {
      result.status = step.status;
      result.error_status = step.error_status;
      result.reason = step.reason;
    } else if (step.status == http::ParseStatus::complete) {
      const bool has_body = !in_body && (result.head.chunked || result.head.content_length > 0);
      if (has_body) {
        in_body = true;
      } else {
        result.status = step.status;
      }
    }
  }
  return result;
}

}  // namespace askr::test
