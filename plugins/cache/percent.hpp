// Percent-encoding (RFC 3986 section 2.1), as addresses are compared: two spellings of one thing become one text.
#pragma once

#include <string>
#include <string_view>

namespace cache {

// What "%41" stands for at `at`; -1: no such thing begins there.
int decoded_byte(std::string_view text, size_t at);

// In its normal form (RFC 3986 section 6.2.2): upper case, and none where none is needed.
void append_normal(std::string_view text, std::string& out);

}  // namespace cache
