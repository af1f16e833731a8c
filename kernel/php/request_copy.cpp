#include "php/request_copy.hpp"

#include <vector>

#include "base/log.hpp"
#include "php/field_name.hpp"
#include "php/state.hpp"
#include "php/uploads.hpp"

namespace askr::php {
namespace {

using exchange::FieldView;
using exchange::RequestView;

// One block of memory for the strings of a request. reserve() first, then the pointers stay valid.
class Strings {
 public:
  void reserve(size_t size) {
    bytes_.clear();
    bytes_.reserve(size);
  }
  char* keep(std::string_view text) {
    char* start = bytes_.data() + bytes_.size();
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    bytes_.push_back('\0');
    return start;
  }

 private:
  std::vector<char> bytes_;
};

Strings info_strings;
std::string cookies;

// The fields that PHP itself looks at. `cookies` collects, because HTTP/2 clients split the Cookie field. The first of
// several types counts, as in nginx.
struct KnownFields {
  std::string_view content_type, authorization;
};

KnownFields find_fields(const RequestView& request) {
  KnownFields known;
  cookies.clear();
  for (const FieldView& field : request.fields) {
    if (is_same_field(field.name, "Cookie")) {
      if (!cookies.empty()) cookies += "; ";
      cookies += field.value;
    } else if (is_same_field(field.name, "Content-Type")) {
      if (known.content_type.data() == nullptr) known.content_type = field.value;
    } else if (is_same_field(field.name, "Authorization")) {
      known.authorization = field.value;
    }
  }
  return known;
}

bool script_runs() {
  if (state.worker_mode) return state.handling;
  return EG(current_execute_data) != nullptr && !PG(during_request_startup);
}

void note_broken_body() {
  log::error("[{}] the request body cannot be read to its end", state.request->id);
  state.body_broken = true;
  if (script_runs()) end_for_broken_body();
}

}  // namespace

void open_request_info() {
  state.body_broken = false;
  const RequestView& request = *state.request;
  const KnownFields known = find_fields(request);
  info_strings.reserve(request.method.size() + request.query.size() + request.uri.size() + known.content_type.size() +
                       known.authorization.size() + state.script_filename.size() + 8);
  sapi_request_info& info = SG(request_info);
  info = sapi_request_info{};
  info.request_method = info_strings.keep(request.method);
  info.query_string = info_strings.keep(request.query);
  info.request_uri = info_strings.keep(request.uri);
  info.path_translated = info_strings.keep(state.script_filename);
  info.content_type = known.content_type.empty() ? nullptr : info_strings.keep(known.content_type);
  info.content_length = static_cast<zend_long>(request.body_size);
  if (!known.authorization.empty()) php_handle_auth_data(info_strings.keep(known.authorization));
  SG(server_context) = &state;
  SG(sapi_headers).http_response_code = 200;
  make_upload_dir();
}

extern "C" char* askr_php_read_cookies() {
  return state.request != nullptr && !cookies.empty() ? cookies.data() : nullptr;
}

// PHP takes fewer bytes than it asked for as the end of the body, so an error has to end the script. Before the script
// runs it keeps it from running.
extern "C" size_t askr_php_read_body(char* buffer, size_t size) {
  if (!request_is_open()) return 0;
  size_t filled = 0;
  while (filled < size) {
    const int64_t got = state.port->read_body(buffer + filled, size - filled);
    if (got < 0) note_broken_body();
    if (got <= 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

void end_for_broken_body() {
  php_error_docref(nullptr, E_ERROR, "The request body cannot be read to its end");
}

// PHP keeps what was read of php://input for later readers.
void read_rest_of_body() {
  if (state.request->body_size == 0 || SG(post_read)) return;
  php_stream* input = php_stream_open_wrapper("php://input", "rb", 0, nullptr);
  if (input == nullptr) return;
  char buffer[8192];
  while (php_stream_read(input, buffer, sizeof buffer) > 0) {
  }
  php_stream_close(input);
}

}  // namespace askr::php
