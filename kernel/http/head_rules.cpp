#include "http/head_rules.hpp"

#include <charconv>

namespace askr::http {
namespace {

constexpr Refusal kAccepted{};

// The fields that decide about framing and connection. Filled in one pass.
struct Essentials {
  std::string_view host, content_length, transfer_encoding;
  unsigned hosts = 0, content_lengths = 0, transfer_encodings = 0;
  bool close = false, keep_alive = false, connection_upgrade = false, upgrade = false, expect_continue = false;
};

void read_connection(std::string_view list, Essentials& essentials) {
  std::string_view option;
  while (next_element(list, option)) {
    if (equals_ignoring_case(option, "close")) essentials.close = true;
    if (equals_ignoring_case(option, "keep-alive")) essentials.keep_alive = true;
    if (equals_ignoring_case(option, "upgrade")) essentials.connection_upgrade = true;
  }
}

// Sizes first: nearly every field is told apart without looking at a letter.
void note(const Header& field, Essentials& essentials) {
  const auto is = [&field](std::string_view name) { return equals_ignoring_case(field.name, name); };
  switch (field.name.size()) {
    case 4:
      if (!is("host")) return;
      essentials.host = field.value;
      ++essentials.hosts;
      return;
    case 6:
      if (is("expect") && equals_ignoring_case(field.value, "100-continue")) essentials.expect_continue = true;
      return;
    case 7:
      if (is("upgrade") && !field.value.empty()) essentials.upgrade = true;
      return;
    case 10:
      if (is("connection")) read_connection(field.value, essentials);
      return;
    case 14:
      if (!is("content-length")) return;
      essentials.content_length = field.value;
      ++essentials.content_lengths;
      return;
    case 17:
      if (!is("transfer-encoding")) return;
      essentials.transfer_encoding = field.value;
      ++essentials.transfer_encodings;
      return;
    default:
      return;
  }
}

Refusal check_host(const Essentials& essentials, RequestHead& head) {
  if (essentials.hosts > 1) return {400, "more than one Host field"};
  if (essentials.hosts == 0) {
    if (head.minor_version > 0) return {400, "no Host field"};
    return kAccepted;
  }
  if (!is_valid_host(essentials.host)) return {400, "invalid Host field"};
  head.host = essentials.host;
  return kAccepted;
}

// Ambiguous framing is how requests are smuggled past a proxy: there is exactly one way to read a body, or none
// (RFC 9112 section 6.3).
Refusal check_transfer_encoding(const Essentials& essentials, RequestHead& head) {
  if (essentials.content_lengths > 0) return {400, "both Transfer-Encoding and Content-Length"};
  if (head.minor_version == 0) return {400, "Transfer-Encoding in HTTP/1.0"};
  if (essentials.transfer_encodings > 1) return {400, "more than one Transfer-Encoding field"};
  if (!equals_ignoring_case(essentials.transfer_encoding, "chunked")) {
    return {501, "unknown transfer coding"};
  }
  head.chunked = true;
  return kAccepted;
}

Refusal check_content_length(const Essentials& essentials, RequestHead& head) {
  if (essentials.content_lengths > 1) return {400, "more than one Content-Length field"};
  const std::string_view text = essentials.content_length;
  // from_chars would take a sign for a number, and leading zeros without end.
  if (text.empty() || text.size() > 19 || !is_digit(text.front())) return {400, "invalid Content-Length"};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), head.content_length);
  if (error != std::errc{} || end != text.data() + text.size()) return {400, "invalid Content-Length"};
  head.has_content_length = true;
  return kAccepted;
}

bool implies_body(Method method) {
  return method == Method::post || method == Method::put || method == Method::patch;
}

Refusal check_framing(const Essentials& essentials, RequestHead& head) {
  if (essentials.transfer_encodings > 0) return check_transfer_encoding(essentials, head);
  if (essentials.content_lengths > 0) return check_content_length(essentials, head);
  // In HTTP/1.1 such a request has no body; an old client may mean one that ends with the connection, which a request
  // cannot have.
  if (head.minor_version == 0 && implies_body(head.method)) return {411, "HTTP/1.0 body without Content-Length"};
  return kAccepted;
}

void split_query(RequestHead& head) {
  const size_t mark = head.target.find('?');
  head.raw_path = head.target.substr(0, mark);
  if (mark != std::string_view::npos) head.query = head.target.substr(mark + 1);
}

// `http://host/path?query`: what a client sends to a proxy; servers must take it too (RFC 9112 section 3.2.2).
Refusal take_absolute_form(RequestHead& head) {
  const std::string_view whole = head.target;
  const size_t colon = whole.find("://");
  if (colon == std::string_view::npos) return {400, "invalid target"};
  const std::string_view scheme = whole.substr(0, colon);
  if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) {
    return {400, "unknown scheme in the target"};
  }
  const std::string_view rest = whole.substr(colon + 3);
  const size_t path = rest.find_first_of("/?");
  head.host = rest.substr(0, path);
  if (!is_valid_host(head.host)) return {400, "invalid host in the target"};
  if (path == std::string_view::npos) {
    head.target = whole.substr(colon + 2, 1);  // a slash that lies in the buffer
  } else if (rest[path] == '?') {
    // An empty path is that of the root (RFC 3986 section 6.2.3), and its slash is nowhere in the buffer.
    head.completed_target = std::make_shared<const std::string>("/" + std::string(rest.substr(path)));
    head.target = *head.completed_target;
  } else {
    head.target = rest.substr(path);
  }
  split_query(head);
  return kAccepted;
}

Refusal check_target(RequestHead& head) {
  if (head.target.find('#') != std::string_view::npos) return {400, "fragment in the target"};
  if (head.target.front() == '/') {
    split_query(head);
    return kAccepted;
  }
  if (head.target == "*") {
    if (head.method != Method::options) return {400, "invalid target"};
    head.raw_path = head.target;
    return kAccepted;
  }
  return take_absolute_form(head);
}

bool is_port(std::string_view text) {
  if (text.size() > 5) return false;
  for (const char c : text) {
    if (!is_digit(c)) return false;
  }
  return true;
}

bool is_bracketed_address(std::string_view text) {
  if (text.size() < 4) return false;
  for (const char c : text.substr(1, text.size() - 2)) {
    if (hex_value(c) < 0 && c != ':' && c != '.') return false;
  }
  return text.back() == ']';
}

}  // namespace

bool is_valid_host(std::string_view host) {
  if (!host.empty() && host.front() == '[') {
    const size_t end = host.find(']');
    if (end == std::string_view::npos || !is_bracketed_address(host.substr(0, end + 1))) return false;
    const std::string_view rest = host.substr(end + 1);
    return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
  }
  const size_t colon = host.find(':');
  if (colon != std::string_view::npos && !is_port(host.substr(colon + 1))) return false;
  const std::string_view name = host.substr(0, colon);
  for (const char c : name) {
    if (!is_letter(c) && !is_digit(c) && c != '-' && c != '.' && c != '_' && c != '~') return false;
  }
  return !name.empty();
}

Refusal apply_head_rules(RequestHead& head) {
  Essentials essentials;
  for (const Header& field : head.headers) note(field, essentials);

  if (const Refusal refusal = check_host(essentials, head); refusal.status != 0) return refusal;
  if (const Refusal refusal = check_target(head); refusal.status != 0) return refusal;
  if (const Refusal refusal = check_framing(essentials, head); refusal.status != 0) return refusal;

  const bool is_http_1_1 = head.minor_version > 0;
  head.keep_alive = !essentials.close && (is_http_1_1 || essentials.keep_alive);
  head.expect_continue = is_http_1_1 && essentials.expect_continue;
  head.upgrade = is_http_1_1 && essentials.connection_upgrade && essentials.upgrade;
  return kAccepted;
}

}  // namespace askr::http
