// Transaction: one request and its response as the gateway and the hooks see it. Lives in its connection and is
// reused for the connection's next request; nothing in it outlives the `log` phase.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "http/request_head.hpp"
#include "http/response_head.hpp"

namespace askr::pipeline {

// The two ends of the client's connection. Owned by the connection.
struct Endpoint {
  std::string client_address;  // numeric; empty for a Unix socket
  std::string server_address;
  uint16_t client_port = 0, server_port = 0;
  bool secure = false;
  bool trusted_proxy = false;  // the peer may set forwarding fields
};

// What the path of a request leads to below the document root.
enum class TargetKind : uint8_t {
  unresolved,
  file,       // a static file: file_path, file_status
  script,     // a PHP script: script_name, path_info
  forbidden,  // exists but is never served: dotfiles, sources, editor leftovers; answered 404
  directory,  // without its slash and without a script: redirect
  bad_path,   // undecodable or leads out of the root: 400
  missing,
};

struct Target {
  TargetKind kind = TargetKind::unresolved;
  std::string file_path;    // absolute, in the current root
  std::string script_name;  // "/index.php", relative to the root
  std::string path_info;    // "/a/b" behind the script, or empty
  struct stat file_status {};
};

// A piece of a response body that does not come from a worker.
struct BodyPart {
  std::shared_ptr<const std::string> bytes;  // memory, or
  std::shared_ptr<const UniqueFd> file;      // a file, sent with sendfile
  uint64_t offset = 0;                       // into bytes or file
  uint64_t length = 0;
};

// Monotonic nanoseconds; 0: did not happen.
struct Times {
  int64_t accepted = 0, queued = 0, started = 0, first_byte = 0, done = 0;
};

struct Transaction {
  http::RequestHead head;
  const Endpoint* endpoint = nullptr;
  std::string path;                 // decoded and normalised path, starts with '/'
  std::string_view client_address;  // behind trusted proxies the forwarded one; valid as long as head and endpoint
  std::string forwarded_address;    // storage for the above
  bool secure = false;              // https, as the client sees it
  std::array<char, 64> id_bytes{};
  uint8_t id_size = 0;
  Target target;

  http::ResponseHead response;
  std::vector<BodyPart> body;  // when a hook or the kernel answered; empty when a worker streams
  uint64_t body_bytes_sent = 0;
  Times times;
  bool ran_in_worker = false;
  std::string_view failure;  // static text: why the response was cut short, for the log

  [[nodiscard]] std::string_view id() const { return {id_bytes.data(), id_size}; }
  void clear();
};

}  // namespace askr::pipeline
