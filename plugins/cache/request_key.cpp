#include "request_key.hpp"

#include <algorithm>

#include "fields.hpp"

namespace cache {

using namespace askr::text;
namespace {

constexpr size_t kLongestKey = 8U << 10;

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = lower(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

bool is_unreserved(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

// Percent-encoding in its normal form (RFC 3986 section 6.2.2): upper case, and none where none is needed.
void append_normal(std::string_view text, std::string& out) {
  if (text.find('%') == std::string_view::npos) {
    out.append(text);
    return;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const bool coded = text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0;
    if (!coded) {
      out.append(text[i] == '%' ? "%25" : text.substr(i, 1));  // one that begins nothing stands for itself
      continue;
    }
    const char byte = static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
    if (is_unreserved(byte)) {
      out.push_back(byte);
    } else {
      static constexpr char kDigits[] = "0123456789ABCDEF";
      const auto value = static_cast<unsigned char>(byte);
      out.append({'%', kDigits[value >> 4], kDigits[value & 15]});
    }
    i += 2;
  }
}

bool fits_any(std::string_view name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [name](const std::string& pattern) { return fits_pattern(name, pattern); });
}

// Parameters in the order of their names; those of one name stay in theirs, because PHP makes a list of them or takes
// the last.
void append_query(std::string_view query, const std::vector<std::string>& ignored, std::string& out) {
  if (ignored.empty() && query.find('&') == std::string_view::npos) {
    query = trimmed(query);
    if (!query.empty()) out.push_back('?');
    append_normal(query, out);
    return;
  }
  std::vector<std::string> pairs;
  std::string_view pair;
  while (next_element(query, pair, '&')) {
    std::string normal;
    append_normal(pair, normal);
    if (!fits_any(std::string_view(normal).substr(0, normal.find('=')), ignored)) pairs.push_back(std::move(normal));
  }
  const auto name = [](const std::string& text) { return std::string_view(text).substr(0, text.find('=')); };
  std::stable_sort(pairs.begin(), pairs.end(),
                   [&](const std::string& a, const std::string& b) { return name(a) < name(b); });
  char separator = '?';
  for (const std::string& each : pairs) {
    out.push_back(separator);
    out.append(each);
    separator = '&';
  }
}

bool are_ignored(std::string_view cookies, const std::vector<std::string>& ignored) {
  if (ignored.empty()) return false;
  std::string_view cookie;
  while (next_element(cookies, cookie, ';')) {
    if (!fits_any(trimmed(cookie.substr(0, cookie.find('='))), ignored)) return false;
  }
  return true;
}

// Fields by which applications learn where they are reached; pages have links made of them.
bool is_location_field(std::string_view name) {
  static constexpr std::string_view kNames[] = {"X-Forwarded-Host",   "X-Forwarded-Proto",  "X-Forwarded-Port",
                                                "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-Ssl",
                                                "X-Forwarded-Scheme", "Front-End-Https"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view each) { return same_name(each, name); });
}

// Fields that make another request of it than its target says.
bool is_override_field(std::string_view name) {
  static constexpr std::string_view kNames[] = {"X-Original-URL", "X-Rewrite-URL",     "X-HTTP-Method-Override",
                                                "X-HTTP-Method",  "X-Method-Override", "Upgrade"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view each) { return same_name(each, name); });
}

void look_at_field(std::string_view name, std::string_view value, const KeyOptions& options, RequestTraits& traits) {
  if (name.empty()) return;
  switch (lower(name[0])) {
    case 'a':
      if (same_name(name, "Accept-Encoding")) traits.accept_encoding = value;
      if (same_name(name, "Authorization")) traits.bypass = "authorization";
      break;
    case 'c':
      if (same_name(name, "Cookie") && !are_ignored(value, options.ignored_cookies)) traits.bypass = "cookie";
      if (same_name(name, "Content-Length") && value != "0") traits.bypass = "body";
      break;
    case 'i':
      if (name.size() > 3 && same_name(name.substr(0, 3), "If-")) traits.fills = false;
      break;
    case 'r':
      if (same_name(name, "Range")) traits.has_range = true;
      break;
    case 't':
      if (same_name(name, "Transfer-Encoding")) traits.bypass = "body";
      break;
    case 'u':
    case 'x':
      if (is_override_field(name)) traits.bypass = "override";
      break;
    default:
      break;
  }
}

std::string combined_value(const askr::Request& request, std::string_view name) {
  std::string value;
  bool first = true;
  request.for_each_header([&](std::string_view each, std::string_view text) {
    if (!same_name(each, name)) return;
    if (!first) value += ',';
    value.append(text);
    first = false;
  });
  return value;
}

}  // namespace

void append_target(std::string_view target, const KeyOptions& options, std::string& out) {
  const size_t question = target.find('?');
  append_normal(target.substr(0, question), out);
  if (question != std::string_view::npos) append_query(target.substr(question + 1), options.ignored_parameters, out);
}

void append_key(const askr::Request& request, const KeyOptions& options, std::string& key) {
  key.append(request.is_secure() ? "https://" : "http://");
  for (const char c : request.host()) key.push_back(lower(c));
  append_target(request.target(), options, key);
  request.for_each_header([&](std::string_view name, std::string_view value) {
    const char first = name.empty() ? ' ' : lower(name[0]);
    if ((first != 'x' && first != 'f') || !is_location_field(name)) return;
    key.append("\n").append(lowered(name)).append(":").append(value);
  });
}

RequestTraits inspect(const askr::Request& request, const KeyOptions& options, std::string& key) {
  RequestTraits traits;
  key.clear();
  const std::string_view method = request.method();
  if (method != "GET" && method != "HEAD") {
    traits.bypass = "method";
    return traits;
  }
  traits.fills = method == "GET";
  request.for_each_header(
      [&](std::string_view name, std::string_view value) { look_at_field(name, value, options, traits); });
  if (traits.bypass.empty()) {
    append_key(request, options, key);
    if (key.size() > kLongestKey) traits.bypass = "long-url";
  }
  traits.readable = traits.bypass.empty();
  traits.fills = traits.fills && traits.readable && !traits.has_range;
  return traits;
}

std::string vary_values(const askr::Request& request, std::string_view vary, bool plain) {
  std::string values;
  std::string_view name;
  while (next_element(vary, name)) {
    if (plain && same_name(name, "Accept-Encoding")) continue;
    if (same_name(name, "Cookie")) continue;  // a request that gets here has none that makes a difference
    append_field(values, name, combined_value(request, name));
  }
  return values;
}

bool matches_vary(const askr::Request& request, std::string_view stored) {
  return for_each_field(
      stored, [&](std::string_view name, std::string_view value) { return combined_value(request, name) == value; });
}

}  // namespace cache
