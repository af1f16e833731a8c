#include "base/utf8.hpp"

#include <algorithm>
#include <cstdint>

namespace askr {
namespace {

// One row of table 3-7 of the Unicode standard: the lead bytes and what may follow them first. All later bytes are
// 0x80 to 0xBF.
struct Row {
  uint8_t lead_from, lead_to, second_from, second_to, size;
};

constexpr Row kRows[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3},
    {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

struct Range {
  char32_t from, to;
};

constexpr Range kActive[] = {
    {0x00, 0x1F},     {0x7F, 0x9F},      // controls
    {0x061C, 0x061C}, {0x200E, 0x200F},  // marks of a direction
    {0x2028, 0x202E},                    // ends of a line and a paragraph; embeddings, overrides
    {0x2066, 0x206F},                    // isolates, and deprecated format characters
};

}  // namespace

Character first_character(std::string_view text) {
  const auto byte = [text](size_t index) { return static_cast<uint8_t>(text[index]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& candidate) {
    return byte(0) >= candidate.lead_from && byte(0) <= candidate.lead_to;
  });
  if (row == std::end(kRows) || text.size() < row->size) return {};
  if (byte(1) < row->second_from || byte(1) > row->second_to) return {};
  char32_t code = byte(0) & (0x7FU >> row->size);
  for (size_t index = 1; index < row->size; ++index) {
    if ((byte(index) & 0xC0U) != 0x80U) return {};
    code = code << 6U | (byte(index) & 0x3FU);
  }
  return {code, row->size};
}

bool acts_on_reader(char32_t code) {
  return std::any_of(std::begin(kActive), std::end(kActive),
                     [code](const Range& range) { return code >= range.from && code <= range.to; });
}

}  // namespace askr
