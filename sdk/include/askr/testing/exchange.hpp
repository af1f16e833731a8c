// One request and its response, as the fake host keeps them.
#pragma once

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "askr/abi/all.h"

namespace askr::testing {

using Fields = std::vector<std::pair<std::string, std::string>>;

inline bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

inline const std::string* find(const Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (same_name(key, name)) return &value;
  }
  return nullptr;
}

inline void erase(Fields& fields, std::string_view name) {
  std::erase_if(fields, [name](const auto& field) { return same_name(field.first, name); });
}

// A piece of a body, and whether the script flushed behind it.
struct Piece {
  std::string bytes;
  bool flushed = false;
};

// What would answer when no hook does: PHP (a stream of pieces), or a static file.
struct Upstream {
  int status = 200;
  Fields headers = {{"Content-Type", "text/html; charset=utf-8"}};
  std::vector<Piece> pieces = {{"<p>page</p>"}};
  std::string file = {};   // path of a static file; its content is the pieces
  bool complete = true;    // PHP has ended before the gateway looks: the length is known
  bool cut_short = false;  // the worker dies after the pieces
};

// What the client would see.
struct Answer {
  int status = 0;
  Fields headers;
  std::string body;
  std::vector<std::string> pieces;  // the body as it was flushed
  bool suspended = false;           // no answer yet: see Host::finished
  bool reached_php = false;
  bool cut_off = false;
  bool wanted_whole = false;        // see askr_request_api.want_whole
  bool conditions_applied = false;  // see askr_response_api.apply_conditions, which does nothing more here
  uint64_t id = 0;

  [[nodiscard]] std::string header(std::string_view name) const {
    const std::string* value = find(headers, name);
    return value == nullptr ? "" : *value;
  }
  [[nodiscard]] bool has(std::string_view name) const { return find(headers, name) != nullptr; }
};

struct Filter {
  const askr_body_filter* table;
  void* state;
};

// How requests reach the server.
struct Arrival {
  std::string host = "localhost", client = "192.0.2.1", server = "192.0.2.9";
  uint16_t port = 80;
  bool secure = false;
  int minor_version = 1;  // of HTTP/1
};

struct Exchange : Arrival {
  uint64_t id = 0;
  std::string method, target, path, query, body;
  std::string request_id = "test-request";
  Fields headers;
  Upstream upstream;
  uint32_t phase = ASKR_PHASE_REQUEST_HEAD;
  bool suspended = false;
  std::optional<askr_verdict> resumed;
  askr_body_callback body_callback = nullptr;
  void* body_context = nullptr;
  bool wants_whole = false;  // askr_request_api.want_whole was called

  int status = 200;
  Fields response;
  std::string own_body;  // of a hook or a file
  bool from_worker = false, answered = false;
  askr_body_callback response_callback = nullptr;  // of askr_response_api.read_body
  void* response_context = nullptr;
  uint64_t response_limit = 0;
  bool conditions_applied = false;
  std::vector<Filter> filters;
  std::map<uint32_t, void*> slots, connection_slots;
  std::vector<std::unique_ptr<char[]>> memory;
  std::vector<std::pair<void (*)(void*), void*>> releases;
  Answer answer;
};

}  // namespace askr::testing

// Where a filter of the fake host writes to.
struct askr_sink {
  std::function<askr_status(std::string_view, uint32_t)> emit;
};
