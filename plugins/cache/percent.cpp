#include "percent.hpp"

#include "askr/sdk/text.hpp"

namespace cache {

using askr::text::lower;

namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = lower(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

bool is_unreserved(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

}  // namespace

int decoded_byte(std::string_view text, size_t at) {
  if (text[at] != '%' || text.size() - at < 3) return -1;
  const int high = hex(text[at + 1]);
  const int low = hex(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

void append_normal(std::string_view text, std::string& out) {
  if (text.find('%') == std::string_view::npos) {
    out.append(text);
    return;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const int byte = decoded_byte(text, i);
    if (byte < 0) {
      out.append(text[i] == '%' ? "%25" : text.substr(i, 1));  // one that begins nothing stands for itself
      continue;
    }
    if (is_unreserved(static_cast<char>(byte))) {
      out.push_back(static_cast<char>(byte));
    } else {
      static constexpr char kDigits[] = "0123456789ABCDEF";
      out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
    i += 2;
  }
}

}  // namespace cache
