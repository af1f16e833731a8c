#include "request_key.hpp"

#include <algorithm>

#include "fields.hpp"
#include "percent.hpp"
#include "query.hpp"
#include "request_fields.hpp"

namespace cache {

using namespace askr::text;
namespace {

constexpr size_t kLongestKey = 8U << 10;

bool are_ignored(std::string_view cookies, const std::vector<std::string>& ignored) {
  if (ignored.empty()) return false;
  std::string_view cookie;
  while (next_element(cookies, cookie, ';')) {
    if (!fits_any(trimmed(cookie.substr(0, cookie.find('='))), ignored)) return false;
  }
  return true;
}

void look_at_field(std::string_view name, std::string_view value, const KeyOptions& options, RequestTraits& traits) {
  switch (meaning_of(name)) {
    case FieldMeaning::accept_encoding:
      traits.accept_encoding = value;
      break;
    case FieldMeaning::cookie:
      if (!are_ignored(value, options.ignored_cookies)) traits.bypass = "cookie";
      break;
    case FieldMeaning::credential:
      traits.bypass = "authorization";
      break;
    case FieldMeaning::body:
      if (value != "0") traits.bypass = "body";
      break;
    case FieldMeaning::condition:
      traits.wants_part = true;
      break;
    case FieldMeaning::range:
      traits.has_range = traits.wants_part = true;
      break;
    case FieldMeaning::detour:
      traits.bypass = "override";
      break;
    case FieldMeaning::none:
    case FieldMeaning::place:
    case FieldMeaning::forwarded:
      break;
  }
}

// `for=192.0.2.1;proto=https;host=example.com`: who came from where is not what pages are made of.
void append_forwarded(std::string_view value, std::string& key) {
  bool quoted = false;
  size_t begin = 0;
  for (size_t at = 0; at <= value.size(); ++at) {
    if (at < value.size() && value[at] == '"') quoted = !quoted;
    if (at < value.size() && (quoted || (value[at] != ';' && value[at] != ','))) continue;
    const std::string_view pair = trimmed(value.substr(begin, at - begin));
    const std::string_view name = trimmed(pair.substr(0, pair.find('=')));
    if (same_name(name, "host") || same_name(name, "proto")) key.append("\nforwarded:").append(pair);
    begin = at + 1;
  }
}

// What no value is: that there is no such field is not the same as an empty one.
constexpr std::string_view kAbsent = "\n";

std::string combined_value(const askr::Request& request, std::string_view name) {
  std::string value;
  bool first = true;
  request.for_each_header([&](std::string_view each, std::string_view text) {
    if (!same_name(each, name)) return;
    if (!first) value += ',';
    value.append(text);
    first = false;
  });
  return first ? std::string(kAbsent) : value;
}

}  // namespace

void append_target(std::string_view target, const KeyOptions& options, std::string& out) {
  const size_t question = target.find('?');
  append_normal(target.substr(0, question), out);
  if (question != std::string_view::npos) append_query(target.substr(question + 1), options.ignored_parameters, out);
}

void append_address(const askr::Request& request, const KeyOptions& options, std::string& key) {
  key.append(request.is_secure() ? "https://" : "http://");
  for (const char c : request.host()) key.push_back(lower(c));
  append_target(request.target(), options, key);
}

void append_key(const askr::Request& request, const KeyOptions& options, std::string& key) {
  append_address(request, options, key);
  key.append("\nat:").append(request.server_address()).append(":").append(std::to_string(request.server_port()));
  if (request.http_minor() == 0) key.append("\nHTTP/1.0");
  request.for_each_header([&](std::string_view name, std::string_view value) {
    const FieldMeaning meaning = meaning_of(name);
    if (meaning == FieldMeaning::place) key.append("\n").append(lowered(name)).append(":").append(value);
    if (meaning == FieldMeaning::forwarded) append_forwarded(value, key);
  });
}

bool is_safe(std::string_view method) {
  static constexpr std::string_view kSafe[] = {"GET",    "HEAD",   "OPTIONS", "TRACE", "PROPFIND",
                                               "REPORT", "SEARCH", "QUERY",   "PRI"};
  return std::find(std::begin(kSafe), std::end(kSafe), method) != std::end(kSafe);
}

RequestTraits inspect(const askr::Request& request, const KeyOptions& options, std::string& key) {
  RequestTraits traits;
  key.clear();
  const std::string_view method = request.method();
  if (method != "GET" && method != "HEAD") {
    traits.bypass = "method";
    return traits;
  }
  traits.wants_part = method == "HEAD";
  request.for_each_header(
      [&](std::string_view name, std::string_view value) { look_at_field(name, value, options, traits); });
  if (traits.bypass.empty()) {
    append_key(request, options, key);
    if (key.size() > kLongestKey) traits.bypass = "long-url";
  }
  traits.readable = traits.bypass.empty();
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
