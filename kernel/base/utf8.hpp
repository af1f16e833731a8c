// UTF-8, as the Unicode standard defines it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace askr {

struct Character {
  char32_t code = 0;
  size_t size = 0;  // in bytes; 0: `text` does not begin with a valid character
};
// The first character of `text`, which is not empty.
Character first_character(std::string_view text);

// What a log must not show as it is, because it acts on whoever looks: control characters (C0, DEL, C1), other ends of
// lines, and marks that turn the direction of the text around.
bool acts_on_reader(char32_t code);

}  // namespace askr
