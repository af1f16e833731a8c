#include "http/response_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "http/date.hpp"
#include "http/text.hpp"

namespace askr::http {
namespace {

// Written in another place, most of them whatever a script or a plugin wrote.
bool is_replaced(std::string_view name) {
  switch (name.size()) {
    case 4:
      return equals_ignoring_case(name, "date");
    case 6:
      return equals_ignoring_case(name, "server");
    case 10:
      return equals_ignoring_case(name, "connection") || equals_ignoring_case(name, "keep-alive");
    case 14:
      return equals_ignoring_case(name, "content-length");
    case 17:
      return equals_ignoring_case(name, "transfer-encoding");
    default:
      return false;
  }
}

constexpr size_t kFirstBytes = 512;

constexpr auto kWritableInName = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c) table[c] = c != '\r' && c != '\n' && c != 0 && c != ':' && c != ' ';
  return table;
}();

bool is_writable_name(std::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return kWritableInName[static_cast<unsigned char>(c)]; });
}

bool is_writable_value(std::string_view value) {
  return value.find('\r') == value.npos && value.find('\n') == value.npos && value.find('\0') == value.npos;
}

char* put(char* at, std::string_view text) {
  return static_cast<char*>(::mempcpy(at, text.data(), text.size()));
}

void append_number(uint64_t number, std::string& out) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void write_status_line(const ResponseHead& head, std::string& out) {
  out += "HTTP/1.1 ";
  append_number(static_cast<uint64_t>(head.status), out);
  out += ' ';
  const bool own_reason = !head.reason.empty() && is_writable_value(head.reason);
  out += own_reason ? std::string_view(head.reason) : reason_phrase(head.status);
  out += "\r\n";
}

// When the response was made, by whom it was made, if that is a date: of one that was kept it is not now (RFC 9110
// section 6.6.1).
std::string_view date_of(const ResponseHead& head, const WireOptions& options) {
  const std::string_view said = head.headers.find("Date");
  return said.size() == options.date.size() && parse_date(said, 0) ? said : options.date;
}

// HTTP/1.1 keeps a connection unless told otherwise, HTTP/1.0 the other way round (RFC 9112 section 9.3).
void write_connection(const WireOptions& options, std::string& out) {
  if (!options.keep_alive) {
    out += "Connection: close\r\n";
  } else if (options.minor_version == 0) {
    out += "Connection: keep-alive\r\n";
  }
}

void write_framing(const WireOptions& options, std::string& out) {
  switch (options.framing) {
    case BodyFraming::none:
    case BodyFraming::until_close:
      return;
    case BodyFraming::content_length:
      out += "Content-Length: ";
      append_number(options.content_length, out);
      out += "\r\n";
      return;
    case BodyFraming::chunked:
      out += "Transfer-Encoding: chunked\r\n";
      return;
  }
}

}  // namespace

void HeaderList::add(std::string_view name, std::string_view value) {
  const size_t begin = bytes_.size();
  const size_t end = begin + name.size() + value.size();
  entries_.push_back(
      {static_cast<uint32_t>(begin), static_cast<uint32_t>(name.size()), static_cast<uint32_t>(value.size())});
  if (end <= bytes_.capacity()) {
    bytes_.append(name).append(value);
    return;
  }
  std::string larger;  // the old bytes may be what is appended
  larger.reserve(2 * end + kFirstBytes);
  larger.append(bytes_).append(name).append(value);
  bytes_ = std::move(larger);
}

void HeaderList::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

// The bytes stay where they are until clear().
unsigned HeaderList::remove(std::string_view name) {
  return static_cast<unsigned>(
      std::erase_if(entries_, [&](const Entry& entry) { return equals_ignoring_case(name_of(entry), name); }));
}

std::string_view HeaderList::find(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (equals_ignoring_case(name_of(entry), name)) return value_of(entry);
  }
  return {};
}

void HeaderList::clear() {
  bytes_.clear();
  entries_.clear();
}

void remove_connection_fields(HeaderList& fields) {
  if (!fields.contains("Connection")) return;
  std::vector<std::string> names;
  fields.for_each([&names](std::string_view name, std::string_view value) {
    if (!equals_ignoring_case(name, "Connection")) return;
    std::string_view element;
    while (next_element(value, element)) names.emplace_back(element);
  });
  for (const std::string& name : names) fields.remove(name);
  fields.remove("Connection");
}

void ResponseHead::clear() {
  status = 200;
  reason.clear();
  headers.clear();
}

void write_response_head(const ResponseHead& head, const WireOptions& options, std::string& out) {
  write_status_line(head, out);
  out += "Server: askr\r\nDate: ";
  out += date_of(head, options);
  out += "\r\n";
  write_connection(options, out);
  write_framing(options, out);
  // Made room for at once, and looked through at once: this is a large part of what a short answer costs.
  const size_t begin = out.size();
  out.resize(begin + head.headers.size_on_wire() + 2);
  char* at = out.data() + begin;
  const bool all_writable = is_writable_value(head.headers.bytes());
  head.headers.for_each([&](std::string_view name, std::string_view value) {
    if (is_replaced(name) || !is_writable_name(name) || (!all_writable && !is_writable_value(value))) return;
    at = put(put(put(put(at, name), ": "), value), "\r\n");
  });
  at = put(at, "\r\n");
  out.resize(static_cast<size_t>(at - out.data()));
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 102:
      return "Processing";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 208:
      return "Already Reported";
    case 226:
      return "IM Used";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 305:
      return "Use Proxy";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 418:
      return "I'm a teapot";
    case 419:
      return "Page Expired";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 424:
      return "Failed Dependency";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 506:
      return "Variant Also Negotiates";
    case 507:
      return "Insufficient Storage";
    case 508:
      return "Loop Detected";
    case 511:
      return "Network Authentication Required";
    default:
      return "Unknown";
  }
}

}  // namespace askr::http
