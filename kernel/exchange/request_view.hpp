// RequestView: one request as a worker has read it out of its slot. All views point into memory of the worker and are
// valid until the next WorkerPort::wait().
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace askr::exchange {

struct FieldView {
  std::string_view name;  // as the client wrote it
  std::string_view value;
};

struct RequestView {
  std::string_view id;           // request id
  std::string_view method;       // "GET"
  std::string_view uri;          // REQUEST_URI: path and query as sent
  std::string_view query;        // raw, without '?'
  std::string_view script_name;  // "/index.php", relative to the document root of the worker's generation
  std::string_view path_info;    // "/a/b" or empty
  std::string_view protocol;     // "HTTP/1.1"
  std::string_view server_name;  // host the client asked for, without port; else the listening address
  std::string_view remote_address, server_address;  // numeric; "unix:" and "unix:/path" for a Unix socket
  uint16_t remote_port = 0, server_port = 0;
  bool https = false;
  std::vector<FieldView> fields;  // header fields in order; Proxy and names with '_' are already dropped
  uint64_t body_size = 0;
};

}  // namespace askr::exchange
