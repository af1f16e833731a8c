// The head of one HTTP request, as parsed and checked. Knows nothing of plugins, PHP or sockets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/text.hpp"

namespace askr::http {

struct Header {
  std::string_view name;   // as the client wrote it
  std::string_view value;  // without surrounding white space
};

enum class Method : uint8_t { get, head, post, put, delete_, options, patch, other };

// GET, HEAD and OPTIONS: may be run a second time when the first worker died (design section 3).
inline bool is_repeatable(Method method) {
  return method == Method::get || method == Method::head || method == Method::options;
}

// All views point into the buffer that the parser was fed and are valid while that buffer is. Those of a target that
// was completed, with its path and query, point into `completed_target` instead.
struct RequestHead {
  Method method = Method::other;
  std::string_view method_text;
  std::string_view target;      // as sent; for an absolute-form target the part from the path on
  std::string_view raw_path;    // target without the query, still percent-encoded
  std::string_view query;       // after '?', raw, may be empty
  std::string_view host;        // authority of an absolute-form target, else the Host field; may be empty for HTTP/1.0
  std::vector<Header> headers;  // in order
  uint8_t minor_version = 1;    // HTTP/1.minor_version
  bool keep_alive = true;
  bool expect_continue = false;
  bool chunked = false;
  bool upgrade = false;  // asks for another protocol (Connection: upgrade)
  bool has_content_length = false;
  uint64_t content_length = 0;
  std::shared_ptr<const std::string> completed_target;

  // The first field of that name (case-insensitive), or an empty view with data() == nullptr.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  void clear();
};

}  // namespace askr::http
