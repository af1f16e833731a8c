// Transaction: one request and its response as the gateway and the hooks see it. Comes from a pool and is used again
// for other requests; nothing in it outlives the `log` phase. Plugins reach it through its handle only.
#pragma once

#include <askr/abi/request.h>
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
#include "pipeline/body_filters.hpp"
#include "pipeline/phase.hpp"
#include "pipeline/plugin_memory.hpp"

namespace askr::pipeline {

// The two ends of the client's connection. Owned by the connection.
struct Endpoint {
  std::string client_address;  // numeric; empty for a Unix socket
  std::string server_address;  // numeric, or "unix:/path" as nginx has it
  uint16_t client_port = 0, server_port = 0;
  bool secure = false;
  bool background = false;  // there is no client: a plugin has asked for a request to be repeated
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
  std::string file_path;       // absolute, in the current root
  std::string script_name;     // "/index.php", relative to the root
  std::string path_info;       // "/a/b" behind the script, or empty
  struct stat file_status {};  // of the file that was opened, once it was answered with
};

// A piece of a response body that does not come from a worker.
struct BodyPart {
  std::string_view bytes;                // memory, or
  std::shared_ptr<const UniqueFd> file;  // a file, sent with sendfile
  std::shared_ptr<const void> keeper;    // owns `bytes`
  uint64_t offset = 0;                   // into the file
  uint64_t length = 0;                   // of bytes or of the piece of the file

  static BodyPart of_text(std::string text);
};

// Monotonic nanoseconds; 0: did not happen.
struct Times {
  int64_t accepted = 0, queued = 0, started = 0, first_byte = 0, done = 0;
  int64_t left_worker = 0;  // the worker was done with it, or given up
};

// What a transaction asks of the connection that it belongs to, on behalf of a plugin.
class Driver {
 public:
  // Goes on with a suspended request at the end of this turn of the loop. False: it is not suspended.
  virtual bool resume(Verdict verdict) = 0;
  // See askr_request_api.read_body.
  virtual askr_status read_body(uint64_t limit, askr_body_callback callback, void* context) = 0;
  // See askr_response_api.read_body.
  virtual askr_status read_response_body(uint64_t limit, askr_body_callback callback, void* context) = 0;
  // See askr_pipeline.repeat and askr_response_api.apply_conditions.
  virtual askr_status repeat() = 0;
  virtual void apply_conditions() = 0;

 protected:
  ~Driver() = default;
};

inline constexpr uint64_t kUnknownLength = ASKR_LENGTH_UNKNOWN;

struct Transaction {
  http::RequestHead head;
  const Endpoint* endpoint = nullptr;
  std::string path;                 // decoded and normalised path, starts with '/'
  std::string_view client_address;  // behind trusted proxies the forwarded one; valid as long as head and endpoint
  std::string forwarded_address;    // storage for the above
  bool secure = false;              // https, as the client sees it
  uint16_t server_port = 0;         // as the client sees it
  std::array<char, 64> id_bytes{};
  uint8_t id_size = 0;
  Target target;

  http::ResponseHead response;
  std::vector<BodyPart> body;  // when a hook or the kernel answered; empty when a worker streams
  uint64_t body_bytes_sent = 0;
  Times times;
  bool ran_in_worker = false;
  bool wants_whole = false;   // PHP renders all of the page, see askr_request_api.want_whole
  bool is_streaming = false;  // the response is a worker's, not one of the gateway's own
  std::string_view failure;   // static text: why the response was cut short, for the log

  // --- what plugins have to do with it
  askr_request handle{};  // {0}: this transaction serves no request now
  Driver* driver = nullptr;
  SlotValues* connection_slots = nullptr;   // of its connection
  uint64_t worker_length = kUnknownLength;  // of a worker's body, once that is known
  BodyFilters filters;
  SlotValues slots;
  RequestMemory memory;

  // enum askr_body_kind, and the length in bytes or kUnknownLength.
  [[nodiscard]] askr_body_kind body_kind() const;
  [[nodiscard]] uint64_t body_length() const;
  // For PHP and the log: client_address, or "unix:" as nginx has it.
  [[nodiscard]] std::string_view client_name() const { return client_address.empty() ? "unix:" : client_address; }
  [[nodiscard]] std::string_view id() const { return {id_bytes.data(), id_size}; }
  void clear();
};

}  // namespace askr::pipeline
