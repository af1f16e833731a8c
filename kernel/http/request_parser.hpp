// RequestParser: strict HTTP/1.x request parsing on llhttp, without copying and without I/O (RFC 9112).
//
// The caller keeps the bytes of one head contiguous from its first byte on and may move that memory between calls:
// the parser remembers offsets, not pointers. Bodies are handed out as they are decoded.
//
//   parser.begin();                                   // at the start of each message
//   parser.parse_head(base, old_size, new_size);      // until head_complete
//   parser.parse_body(data, size, sink);              // until message_complete
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "http/request_head.hpp"

namespace askr::http {

struct ParserLimits {
  size_t max_head_size = 32 << 10;
  unsigned max_headers = 100;
};

enum class ParseStatus : uint8_t { need_more, complete, error };

struct ParseStep {
  ParseStatus status = ParseStatus::need_more;
  size_t consumed = 0;      // of the new bytes
  int error_status = 0;     // 400 411 413 414 431 501 505 on error
  const char* reason = "";  // static text for the log
};

class RequestParser {
 public:
  explicit RequestParser(const ParserLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  void begin();

  // `base[0, old_size)` was given before (and was all consumed), `base[old_size, old_size + new_size)` is new.
  // complete: `head` is filled, its views point into `base`; bytes after `consumed` are body or the next message.
  ParseStep parse_head(const char* base, size_t old_size, size_t new_size, RequestHead& head);

  // After a complete head that announced a body. Decodes in place: appends the payload found to `payload` as views
  // into `data` through the callback. complete: the message ended after `consumed` bytes.
  // A body without length and without chunked coding has no bytes: complete at once.
  using BodySink = void (*)(void* context, const char* data, size_t size);
  ParseStep parse_body(const char* data, size_t size, BodySink sink, void* context);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace askr::http
