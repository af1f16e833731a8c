#include "gateway/json_string.hpp"

#include <spdlog/fmt/fmt.h>

#include <iterator>

#include "base/utf8.hpp"

namespace askr::gateway {
namespace {

bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

// Bytes that are no character have no form in JSON.
constexpr std::string_view kReplacement = "\xef\xbf\xbd";

void append_character(std::string_view bytes, char32_t code, std::string& out) {
  if (code == '"' || code == '\\') {
    out += '\\';
    out += bytes;
  } else if (acts_on_reader(code)) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<uint32_t>(code));
  } else {
    out += bytes;
  }
}

}  // namespace

void append_json_string(std::string_view bytes, std::string& out) {
  out += '"';
  while (!bytes.empty()) {
    if (is_plain(bytes.front())) {
      out += bytes.front();
      bytes.remove_prefix(1);
      continue;
    }
    const Character character = first_character(bytes);
    if (character.size == 0) {
      out += kReplacement;
      bytes.remove_prefix(1);
    } else {
      append_character(bytes.substr(0, character.size), character.code, out);
      bytes.remove_prefix(character.size);
    }
  }
  out += '"';
}

}  // namespace askr::gateway
