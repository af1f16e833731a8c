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
  if (end != text.data() + text.size() || text.empty() || text[0] == '-') return false;
  seconds = error == std::errc::result_out_of_range ? kLongest : std::min(number, kLongest);
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

// Takes the next element off, up to a comma that is not between quotes. False: there is none any more.
bool next_quoted_element(std::string_view& list, std::string_view& element) {
  while (!list.empty()) {
    bool quoted = false;
    size_t end = 0;
    for (; end < list.size() && (quoted || list[end] != ','); ++end) quoted = quoted != (list[end] == '"');
    element = trimmed(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (!element.empty()) return true;
  }
  return false;
}

// What Askr-Cache fields say together. A number that was said before is said again only if it is the same.
class FieldReader {
 public:
  explicit FieldReader(Policy& policy) : policy_(policy) {}

  void read(std::string_view field) {
    in_tags_ = false;
    std::string_view element;
    while (next_quoted_element(field, element)) {
      if (!read_element(element)) policy_.refusal = "bad-askr-cache";
    }
  }
  [[nodiscard]] bool has_ttl() const { return has_ttl_; }

 private:
  bool read_element(std::string_view element) {
    const size_t equals = element[0] == '"' ? std::string_view::npos : element.find('=');
    const std::string_view name = trimmed(element.substr(0, equals));
    if (equals == std::string_view::npos) {
      return in_tags_ ? read_tags(element) : read_number(element, has_ttl_, policy_.ttl);
    }
    const std::string_view value = trimmed(element.substr(equals + 1));
    in_tags_ = same_name(name, "tags");
    if (in_tags_) return read_tags(value);
    if (same_name(name, "swr")) return read_number(value, has_swr_, policy_.stale_while_revalidate);
    return same_name(name, "stale-if-error") && read_number(value, has_error_, policy_.stale_if_error);
  }

  static bool read_number(std::string_view text, bool& is_there, int64_t& seconds) {
    int64_t number = 0;
    if (!parse_seconds(text, number) || (is_there && number != seconds)) return false;
    is_there = true;
    seconds = number;
    return true;
  }

  // One tag, or several between quotes.
  bool read_tags(std::string_view value) {
    if (value.starts_with('"')) {
      if (value.size() < 2 || !value.ends_with('"')) return false;
      value = value.substr(1, value.size() - 2);
    }
    if (value.find('"') != std::string_view::npos) return false;
    std::string_view tag;
    while (next_element(value, tag)) add_tag(policy_, tag);
    return true;
  }

  Policy& policy_;
  bool in_tags_ = false, has_ttl_ = false, has_swr_ = false, has_error_ = false;
};

}  // namespace

Policy parse_policy(const std::vector<std::string>& fields) {
  Policy policy;
  FieldReader reader(policy);
  for (const std::string& field : fields) reader.read(field);
  if (policy.refusal.empty() && !reader.has_ttl()) policy.refusal = "bad-askr-cache";
  if (policy.refusal.empty() && policy.ttl == 0) policy.refusal = "zero";
  return policy;
}

int64_t age_of(const askr::Response& response) {
  int64_t age = 0;
  return parse_seconds(response.header("Age"), age) ? age : 0;
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
      "WWW-Authenticate",  "Server",         "Accept-Ranges"};
  return std::none_of(std::begin(kNot), std::end(kNot),
                      [name](std::string_view each) { return same_name(each, name); });
}

}  // namespace cache
