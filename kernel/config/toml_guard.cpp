#include "config/toml_guard.hpp"

#include <algorithm>

namespace askr::config {
namespace {

constexpr unsigned kDeepestNesting = 32;

// Length of the sequence that `first` opens, and the range of its second byte, which excludes overlong forms,
// surrogates and what lies beyond U+10FFFF.
struct Sequence {
  size_t size = 0;  // 0: no first byte
  unsigned char low = 0x80, high = 0xBF;
};

Sequence sequence_of(unsigned char first) {
  if (first < 0x80) return {1};
  if (first >= 0xC2 && first <= 0xDF) return {2};
  if (first == 0xE0) return {3, 0xA0, 0xBF};
  if (first == 0xED) return {3, 0x80, 0x9F};
  if (first >= 0xE1 && first <= 0xEF) return {3};
  if (first == 0xF0) return {4, 0x90, 0xBF};
  if (first >= 0xF1 && first <= 0xF3) return {4};
  if (first == 0xF4) return {4, 0x80, 0x8F};
  return {};
}

bool is_continued(std::string_view text, const Sequence& sequence) {
  if (sequence.size == 0 || sequence.size > text.size()) return false;
  for (size_t i = 1; i < sequence.size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < (i == 1 ? sequence.low : 0x80) || byte > (i == 1 ? sequence.high : 0xBF)) return false;
  }
  return true;
}

}  // namespace

bool is_nested_too_deep(std::string_view text) {
  unsigned depth = 0;
  char string_end = 0;
  bool comment = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      comment = false;
      string_end = 0;
    } else if (comment) {
      continue;
    } else if (string_end != 0) {
      if (c == '\\' && string_end == '"') ++i;
      if (c == string_end) string_end = 0;
    } else if (c == '"' || c == '\'') {
      string_end = c;
    } else if (c == '#') {
      comment = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepestNesting) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

size_t first_line_not_utf8(std::string_view text) {
  size_t position = 0;
  while (position < text.size()) {
    const Sequence sequence = sequence_of(static_cast<unsigned char>(text[position]));
    if (!is_continued(text.substr(position), sequence)) {
      return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(position), '\n'));
    }
    position += sequence.size;
  }
  return 0;
}

}  // namespace askr::config
