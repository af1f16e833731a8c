// PHP hands over header lines and pieces of body; the exchange takes a head and bytes. Nothing here owns memory of the
// stack: a write may find that the client has gone, and PHP then leaves the script by longjmp.
#include "php/output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/log.hpp"
#include "php/field_name.hpp"
#include "php/request_copy.hpp"
#include "php/response_status.hpp"
#include "php/sidecar_output.hpp"
#include "php/state.hpp"
#include "php/variables.hpp"

namespace askr::php {
namespace {

using exchange::WorkerPort;
using exchange::Written;

std::vector<WorkerPort::HeadField> fields;  // keeps its capacity; static, see zend.hpp

bool split_line(const sapi_header_struct* header, WorkerPort::HeadField& field) {
  const std::string_view line(header->header, header->header_len);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  field.name = line.substr(0, colon);
  while (!field.name.empty() && field.name.back() == ' ') field.name.remove_suffix(1);
  field.value = line.substr(colon + 1);
  while (!field.value.empty() && (field.value.front() == ' ' || field.value.front() == '\t')) {
    field.value.remove_prefix(1);
  }
  while (!field.value.empty() && (field.value.back() == ' ' || field.value.back() == '\t')) {
    field.value.remove_suffix(1);
  }
  return !field.name.empty();
}

// X-Accel-Redirect and its kin are orders to an nginx in front, and name what no client should know.
bool is_for_nginx(const WorkerPort::HeadField& field) {
  constexpr std::string_view kPrefix = "X-Accel-";
  return is_same_field(field.name.substr(0, kPrefix.size()), kPrefix);
}

template <class Wanted>
void collect_fields(sapi_headers_struct* headers, Wanted wanted) {
  fields.clear();
  zend_llist_position at;
  for (void* item = zend_llist_get_first_ex(&headers->headers, &at); item != nullptr;
       item = zend_llist_get_next_ex(&headers->headers, &at)) {
    WorkerPort::HeadField field;
    if (split_line(static_cast<sapi_header_struct*>(item), field) && wanted(field)) fields.push_back(field);
  }
}

// header("Status: 404 Not Found") is how scripts for CGI set the status. The first one counts; empty: none.
std::string_view status_field() {
  const auto field = std::find_if(fields.begin(), fields.end(), [](const WorkerPort::HeadField& candidate) {
    return is_same_field(candidate.name, "Status") && !candidate.value.empty();
  });
  return field != fields.end() ? field->value : std::string_view();
}

// As nginx does it: of several types the last one counts, and an empty one says that there is none.
void settle_content_type() {
  const auto is_type = [](const WorkerPort::HeadField& field) { return is_same_field(field.name, "Content-Type"); };
  const auto last = std::find_if(fields.rbegin(), fields.rend(), is_type);
  if (last == fields.rend()) return;
  const WorkerPort::HeadField type = *last;
  std::erase_if(fields, is_type);
  if (!type.value.empty()) fields.push_back(type);
}

void warn_of_redirect(const WorkerPort::HeadField& field) {
  if (!is_same_field(field.name, "X-Accel-Redirect")) return;
  if (!state.port->is_first_to_warn(exchange::SharedWarning::accel_redirect)) return;
  log::warning("[{}] X-Accel-Redirect is for nginx and sends no file here: let {} send it, as with readfile()",
               state.request->id, state.script_filename);
}

void drop_orders_to_nginx() {
  if (state.options.behind_proxy) return;
  std::erase_if(fields, [](const WorkerPort::HeadField& field) {
    if (!is_for_nginx(field)) return false;
    warn_of_redirect(field);
    return true;
  });
}

// What cannot be written is lost, as with the program php.
size_t write_to_standard_output(const char* data, size_t size) {
  size_t written = 0;
  while (written < size) {
    const ssize_t count = ::write(STDOUT_FILENO, data + written, size - written);
    if (count < 0 && errno != EINTR) break;
    if (count > 0) written += static_cast<size_t>(count);
  }
  return size;
}

void send_too_large() {
  log::error("[{}] the response head is larger than the 32 KB that fit: answered 500 instead", state.request->id);
  state.drop_body = true;
  state.port->head(500, {}, nullptr, 0);
}

// The rest of the script is of no use to anybody. Worker mode unwinds like exit(), so that the worker lives on; the
// longjmp that PHP uses otherwise would leave its memory in an unknown state.
void client_left() {
  if (!state.worker_mode) {
    php_handle_aborted_connection();
    return;
  }
  PG(connection_status) = PHP_CONNECTION_ABORTED;
  php_output_set_status(PHP_OUTPUT_DISABLED);
  if (!PG(ignore_user_abort) && state.handling && EG(exception) == nullptr) zend_throw_unwind_exit();
}

}  // namespace

extern "C" int askr_php_send_headers(sapi_headers_struct* headers) {
  if (!request_is_open()) return SAPI_HEADER_SENT_SUCCESSFULLY;
  collect_fields(headers, [](const WorkerPort::HeadField&) { return true; });
  const ResponseStatus status = decide_status(*headers, status_field());
  std::erase_if(fields, [&status](const WorkerPort::HeadField& field) {
    // RFC 9110 section 15.4.5: fields that describe a body have no place in a 304.
    return is_same_field(field.name, "Status") || (status.code == 304 && is_same_field(field.name, "Content-Type"));
  });
  settle_content_type();
  drop_orders_to_nginx();
  const Written written = state.port->head(status.code, status.reason, fields.data(), fields.size());
  if (written == Written::too_large) send_too_large();
  return SAPI_HEADER_SENT_SUCCESSFULLY;
}

extern "C" size_t askr_php_write(const char* data, size_t size) {
  if (state.options.command_line) return write_to_standard_output(data, size);
  if (state.sidecar != nullptr) log_sidecar_output({data, size});
  if (!request_is_open() || state.drop_body) return size;
  if (state.port->body(data, size) == Written::client_gone) client_left();
  return size;
}

extern "C" void askr_php_flush(void* /*context*/) {
  if (!request_is_open() || !state.port->head_sent()) return;
  if (state.port->flush() == Written::client_gone) client_left();
}

void complete_response() {
  if (!request_is_open()) return;
  if (!state.port->head_sent()) sapi_send_headers();
  // PHP believes that it has sent them when it failed half way.
  if (!state.port->head_sent()) state.port->head(500, {}, nullptr, 0);
  if (state.response_broken) {
    state.port->abort();
  } else {
    state.port->finish();
  }
}

bool finish_early() {
  if (!request_is_open()) return false;
  php_output_end_all();
  complete_response();
  return true;
}

void answer_plainly(int status, std::string_view text) {
  static constexpr WorkerPort::HeadField kType{"Content-Type", "text/html; charset=UTF-8"};
  state.port->head(status, {}, &kType, 1);
  if (state.request->method != "HEAD") state.port->body(text.data(), text.size());
  state.port->finish();
}

// Fields about the final body or for one client only do not belong in a hint.
bool send_early_hints() {
  if (!request_is_open() || SG(headers_sent)) return false;
  collect_fields(&SG(sapi_headers), [](const WorkerPort::HeadField& field) {
    for (const std::string_view name : {"Content-Type", "Content-Length", "Set-Cookie", "Status", "X-Powered-By"}) {
      if (is_same_field(field.name, name)) return false;
    }
    return !is_for_nginx(field);
  });
  return state.port->interim(103, fields.data(), fields.size()) == Written::ok;
}

}  // namespace askr::php
