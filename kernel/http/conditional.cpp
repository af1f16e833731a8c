#include "http/conditional.hpp"

#include <algorithm>
#include <optional>

#include "http/date.hpp"

namespace askr::http {
namespace {

enum class Comparison : uint8_t { strong, weak };

std::string_view opaque(std::string_view tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

bool is_weak(std::string_view tag) {
  return tag.starts_with("W/");
}

bool match(std::string_view left, std::string_view right, Comparison comparison) {
  if (left.empty() || right.empty()) return false;
  if (comparison == Comparison::strong && (is_weak(left) || is_weak(right))) return false;
  return opaque(left) == opaque(right);
}

// Takes the next tag off a list. Tags may hold commas, so a list is not cut at them. False at the end and at the first
// thing that is no tag.
bool next_tag(std::string_view& list, std::string_view& tag) {
  const size_t begin = list.find_first_not_of(" \t,");
  if (begin == std::string_view::npos) return false;
  list.remove_prefix(begin);
  const size_t prefix = list.starts_with("W/") ? 2 : 0;
  if (list.size() <= prefix || list[prefix] != '"') return false;
  const size_t end = list.find('"', prefix + 1);
  if (end == std::string_view::npos) return false;
  tag = list.substr(0, end + 1);
  list.remove_prefix(end + 1);
  return true;
}

bool names(std::string_view list, std::string_view etag, Comparison comparison) {
  if (list == "*") return true;
  std::string_view tag;
  while (next_tag(list, tag)) {
    if (match(tag, etag, comparison)) return true;
  }
  return false;
}

enum class TagCondition : uint8_t { absent, matches, differs };

// The field may come in several lines.
TagCondition compare(const RequestHead& head, std::string_view name, std::string_view etag, Comparison comparison) {
  TagCondition result = TagCondition::absent;
  for (const Header& field : head.headers) {
    if (!equals_ignoring_case(field.name, name)) continue;
    if (names(field.value, etag, comparison)) return TagCondition::matches;
    result = TagCondition::differs;
  }
  return result;
}

// A date that cannot be read is as good as none.
std::optional<int64_t> date_field(const RequestHead& head, std::string_view name, int64_t now) {
  const std::string_view value = head.header(name);
  return value.empty() ? std::nullopt : parse_date(value, now);
}

bool is_read(Method method) {
  return method == Method::get || method == Method::head;
}

}  // namespace

bool has_conditions(const RequestHead& head) {
  return std::any_of(head.headers.begin(), head.headers.end(), [](const Header& field) {
    const std::string_view name = field.name;
    if (name.size() < 5) return false;
    if (to_lower(name[0]) == 'i') return to_lower(name[1]) == 'f' && name[2] == '-';
    return to_lower(name[0]) == 'r' && equals_ignoring_case(name, "range");
  });
}

Precondition check_preconditions(const RequestHead& head, const Validators& validators, int64_t now) {
  if (!has_conditions(head)) return Precondition::proceed;

  switch (compare(head, "if-match", validators.etag, Comparison::strong)) {
    case TagCondition::differs:
      return Precondition::failed;
    case TagCondition::matches:
      break;
    case TagCondition::absent:
      if (const auto date = date_field(head, "if-unmodified-since", now); date && validators.last_modified > *date) {
        return Precondition::failed;
      }
  }
  switch (compare(head, "if-none-match", validators.etag, Comparison::weak)) {
    case TagCondition::differs:
      return Precondition::proceed;
    case TagCondition::matches:
      return is_read(head.method) ? Precondition::not_modified : Precondition::failed;
    case TagCondition::absent:
      break;
  }
  if (is_read(head.method)) {
    const auto date = date_field(head, "if-modified-since", now);
    if (date && validators.last_modified <= *date) return Precondition::not_modified;
  }
  return Precondition::proceed;
}

bool range_applies(const RequestHead& head, const Validators& validators, int64_t now) {
  const std::string_view value = head.header("if-range");
  if (value.data() == nullptr) return true;
  if (value.starts_with('"') || is_weak(value)) return match(value, validators.etag, Comparison::strong);
  // Something that changed in this very second may change once more within it, so its date proves nothing
  // (section 8.8.2.2).
  const auto date = parse_date(value, now);
  return date && *date == validators.last_modified && validators.last_modified < now;
}

}  // namespace askr::http
