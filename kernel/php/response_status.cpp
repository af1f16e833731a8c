#include "php/response_status.hpp"

#include <cstring>
#include <optional>

#include "php/state.hpp"

namespace askr::php {
namespace {

// "404 Not here", as it stands in a status line and in a Status field. nginx takes the first three digits.
ResponseStatus read_status(std::string_view text) {
  if (text.size() < 3) return {0, {}};
  int code = 0;
  for (const char digit : text.substr(0, 3)) {
    if (digit < '0' || digit > '9') return {0, {}};
    code = code * 10 + (digit - '0');
  }
  return {code, text.size() > 4 ? text.substr(4) : std::string_view()};
}

// What follows the protocol in a line that header() was given; nullopt: it ends there.
std::optional<std::string_view> status_in(const char* line) {
  if (line == nullptr) return std::nullopt;
  const std::string_view text(line);
  const size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const size_t start = text.find_first_not_of(' ', space);
  return start == std::string_view::npos ? std::string_view() : text.substr(start);
}

// PHP's own line for a fatal error, behind which an error page of the application may still choose another status.
bool is_of_fatal_error(const char* line) {
  return state.failure.seen && strcmp(line, "HTTP/1.0 500 Internal Server Error") == 0;
}

}  // namespace

// As php-fpm does it: a whole status line of the script counts, whatever http_response_code() has said later, unless
// that was 200; then comes the Status field.
ResponseStatus decide_status(const sapi_headers_struct& headers, std::string_view field) {
  ResponseStatus status{headers.http_response_code, {}};
  const auto line = status_in(headers.http_status_line);
  if (line) {
    const ResponseStatus said = read_status(*line);
    if (status.code != 200 && !is_of_fatal_error(headers.http_status_line)) return said;
    if (status.code == said.code) status.reason = said.reason;
    if (status.code != 200) return status;
  }
  const ResponseStatus said = read_status(field);
  return said.code != 0 ? said : status;
}

}  // namespace askr::php
