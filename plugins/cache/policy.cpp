// Opt-in: a lifetime comes from Askr-Cache alone. What Cache-Control says can only forbid.
#include "policy.hpp"

#include <algorithm>
#include <charconv>

#include "tags.hpp"

namespace cache {

using namespace askr::text;
namespace {

constexpr int64_t kLongest = INT64_C(10) * 366 * 86400;

bool parse_seconds(std::string_view text, int64_t& seconds) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return false;
  seconds = std::min(number, kLongest);
  return true;
}

void add_tag(Policy& policy, std::string_view tag) {
  const uint32_t index = TagClock::index_of(tag);
  if (std::find(policy.tags.begin(), policy.tags.end(), index) != policy.tags.end()) return;
  if (policy.tags.size() == kMostTags) {
    policy.refusal = "too-many-tags";
  } else {
    policy.tags.push_back(index);
  }
}

}  // namespace

Policy parse_policy(std::string_view field) {
  Policy policy;
  bool has_ttl = false;
  bool in_tags = false;
  std::string_view element;
  while (next_element(field, element)) {
    const size_t equals = element.find('=');
    const std::string_view name = trimmed(element.substr(0, equals));
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : trimmed(element.substr(equals + 1));
    bool good = true;
    if (equals == std::string_view::npos && !has_ttl && !in_tags) {
      good = has_ttl = parse_seconds(element, policy.ttl);
    } else if (equals == std::string_view::npos && in_tags) {
      add_tag(policy, element);
    } else if (same_name(name, "tags")) {
      in_tags = true;
      if (!value.empty()) add_tag(policy, value);
    } else if (same_name(name, "swr")) {
      in_tags = false;
      good = parse_seconds(value, policy.stale_while_revalidate);
    } else if (same_name(name, "stale-if-error")) {
      in_tags = false;
      good = parse_seconds(value, policy.stale_if_error);
    } else {
      good = false;
    }
    if (!good) policy.refusal = "bad-askr-cache";
  }
  if (policy.refusal.empty() && !has_ttl) policy.refusal = "bad-askr-cache";
  if (policy.refusal.empty() && policy.ttl == 0) policy.refusal = "zero";
  return policy;
}

std::string_view refusal_of(const askr::Response& response) {
  if (response.status() != 200) return "status";
  std::string_view refusal;
  response.for_each_header([&](std::string_view name, std::string_view value) {
    if (same_name(name, "Cache-Control")) {
      if (has_directive(value, "no-store")) refusal = "no-store";
      if (has_directive(value, "private")) refusal = "private";
    } else if (same_name(name, "Vary")) {
      std::string_view element;
      while (next_element(value, element)) {
        if (element == "*") refusal = "vary";
      }
    } else if (same_name(name, "Content-Range")) {
      refusal = "partial";
    }
  });
  return refusal;
}

bool is_stored_field(std::string_view name) {
  // The connection's own, the server's own, and what would pin one client's state onto all (Set-Cookie).
  static constexpr std::string_view kNot[] = {
      "Set-Cookie",        "Askr-Cache",     "X-Askr-Cache", "Cache-Status",       "Age",
      "X-Request-Id",      "Content-Length", "Connection",   "Keep-Alive",         "Proxy-Connection",
      "Transfer-Encoding", "Trailer",        "Upgrade",      "Proxy-Authenticate", "Proxy-Authentication-Info",
      "WWW-Authenticate",  "Date",           "Server",       "Accept-Ranges"};
  return std::none_of(std::begin(kNot), std::end(kNot),
                      [name](std::string_view each) { return same_name(each, name); });
}

}  // namespace cache
