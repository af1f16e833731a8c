#include "http/uri.hpp"

#include "http/text.hpp"

namespace askr::http {
namespace {

// The byte of the escape at the front of `text`; -1 when it is none.
int unescape(std::string_view text) {
  if (text.size() < 3) return -1;
  const int high = hex_value(text[1]);
  const int low = hex_value(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Builds a path segment by segment. `path_` always ends with a slash where a segment begins.
class SegmentWriter {
 public:
  explicit SegmentWriter(std::string& path) : path_(path) { path_.assign(1, '/'); }

  void put(char c) { path_ += c; }

  // False when the segment leads above the root.
  bool finish_segment() {
    const std::string_view segment = std::string_view(path_).substr(begin_);
    if (segment == ".") {
      path_.resize(begin_);
    } else if (segment == "..") {
      if (begin_ == 1) return false;
      path_.resize(path_.rfind('/', begin_ - 2) + 1);
      begin_ = path_.size();
    }
    return true;
  }
  bool put_slash() {
    if (!finish_segment()) return false;
    if (path_.back() != '/') path_ += '/';
    begin_ = path_.size();
    return true;
  }

 private:
  std::string& path_;
  size_t begin_ = 1;  // of the segment that is being written
};

// pchar and the slash, without what a shell or an attribute might stumble over.
bool is_plain(char c) {
  return is_letter(c) || is_digit(c) ||
         (c != 0 && std::string_view("/-._~!$*+,;=:@").find(c) != std::string_view::npos);
}

}  // namespace

bool decode_path(std::string_view raw, std::string& path) {
  if (raw.empty() || raw.front() != '/') return false;
  SegmentWriter writer(path);
  for (size_t i = 1; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      const int byte = unescape(raw.substr(i));
      if (byte < 0) return false;
      c = static_cast<char>(byte);
      i += 2;
    }
    if (c == '\0') return false;
    if (c != '/') {
      writer.put(c);
    } else if (!writer.put_slash()) {
      return false;
    }
  }
  return writer.finish_segment();
}

void append_encoded_path(std::string_view path, std::string& out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : path) {
    if (is_plain(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 0xFU];
  }
}

}  // namespace askr::http
