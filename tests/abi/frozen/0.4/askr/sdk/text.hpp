// Small questions about the text of HTTP fields, without regard to the locale.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

namespace askr::text {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

constexpr bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

inline std::string lowered(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = lower(c);
  return result;
}

constexpr std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// All fields of that name in a Request or a Response as one list, which is what they mean (RFC 9110 section 5.3).
template <class Message>
std::string all_values(const Message& message, std::string_view name) {
  std::string values;
  message.for_each_header([&](std::string_view each, std::string_view value) {
    if (same_name(each, name)) values.append(values.empty() ? "" : ", ").append(value);
  });
  return values;
}

// Takes the next non-empty element off a list that `separator` divides; false at its end.
constexpr bool next_element(std::string_view& list, std::string_view& element, char separator = ',') {
  while (!list.empty()) {
    const size_t end = list.find(separator);
    element = trimmed(list.substr(0, end));
    list = end == std::string_view::npos ? std::string_view() : list.substr(end + 1);
    if (!element.empty()) return true;
  }
  return false;
}

// Is the directive in a Cache-Control field, with or without a value? Quoted commas cannot hide one from us, only
// pretend one.
constexpr bool has_directive(std::string_view list, std::string_view name) {
  std::string_view element;
  while (next_element(list, element)) {
    if (same_name(trimmed(element.substr(0, element.find('='))), name)) return true;
  }
  return false;
}

// A date as fields have it (RFC 9110 section 5.6.7); seconds since 1970.
inline std::string http_date(int64_t seconds) {
  const time_t time = seconds;
  tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

// Does `name` fit the pattern? A star at its end stands for anything.
constexpr bool fits_pattern(std::string_view name, std::string_view pattern) {
  if (pattern.empty() || pattern.back() != '*') return name == pattern;
  pattern.remove_suffix(1);
  return name.substr(0, pattern.size()) == pattern;
}

}  // namespace askr::text
