#include "gateway/json_string.hpp"

#include <cstdint>

namespace askr::gateway {
namespace {

// One row of table 3-7 of the Unicode standard: the lead bytes and what may follow them first. All later bytes are
// 0x80 to 0xBF. That keeps out overlong forms, surrogates and what is beyond U+10FFFF.
struct Row {
  uint8_t lead_from, lead_to, second_from, second_to, size;
};

constexpr Row kRows[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3},
    {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

// The length of the character of more than one byte at the front of `text`; 0 when it is none.
size_t long_character(std::string_view text) {
  const auto byte = [text](size_t index) { return static_cast<uint8_t>(text[index]); };
  for (const Row& row : kRows) {
    if (byte(0) < row.lead_from || byte(0) > row.lead_to) continue;
    if (text.size() < row.size || byte(1) < row.second_from || byte(1) > row.second_to) return 0;
    for (size_t index = 2; index < row.size; ++index) {
      if ((byte(index) & 0xC0U) != 0x80U) return 0;
    }
    return row.size;
  }
  return 0;
}

void append_escaped(char c, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
    return;
  }
  const auto byte = static_cast<uint8_t>(c);
  out += "\\u00";
  out += kDigits[byte >> 4U];
  out += kDigits[byte & 0xFU];
}

}  // namespace

void append_json_string(std::string_view bytes, std::string& out) {
  out += '"';
  while (!bytes.empty()) {
    const auto first = static_cast<uint8_t>(bytes.front());
    size_t taken = 1;
    if (first >= 0x80) {
      taken = long_character(bytes);
      if (taken == 0) {
        out += "\xef\xbf\xbd";
        taken = 1;
      } else {
        out.append(bytes.substr(0, taken));
      }
    } else if (first < 0x20 || first == 0x7f || first == '"' || first == '\\') {
      append_escaped(bytes.front(), out);
    } else {
      out += bytes.front();
    }
    bytes.remove_prefix(taken);
  }
  out += '"';
}

}  // namespace askr::gateway
