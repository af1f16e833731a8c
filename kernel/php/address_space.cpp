#include "php/address_space.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <string_view>

namespace askr::php {
namespace {

uintptr_t take_hex(std::string_view& line) {
  uintptr_t value = 0;
  const auto parsed = std::from_chars(line.data(), line.data() + line.size(), value, 16);
  line.remove_prefix(static_cast<size_t>(parsed.ptr - line.data()));
  return value;
}

// "7f12-7f34 rw-p 00000000 00:00 0    [heap]"
bool parse_area(std::string_view line, Area& area) {
  area.begin = take_hex(line);
  if (line.empty()) return false;
  line.remove_prefix(1);
  area.end = take_hex(line);
  area.is_mutable = line.starts_with(" rw-p") || line.starts_with(" rwxp");
  area.is_file = line.find('/') != std::string_view::npos;
  return true;
}

size_t read_all(const char* path, std::span<char> buffer) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  size_t size = 0;
  ssize_t got = 0;
  while (size < buffer.size() && (got = ::read(fd, buffer.data() + size, buffer.size() - size)) > 0) {
    size += static_cast<size_t>(got);
  }
  ::close(fd);
  return size < buffer.size() ? size : 0;
}

}  // namespace

size_t find_areas(std::span<Area> areas, std::span<char> buffer) {
  std::string_view text(buffer.data(), read_all("/proc/self/maps", buffer));
  size_t count = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (count == areas.size()) return 0;
    if (parse_area(text.substr(0, end), areas[count])) ++count;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return count;
}

size_t read_at(int fd, void* buffer, size_t size, uint64_t offset) {
  const ssize_t got = ::pread(fd, buffer, size, static_cast<off_t>(offset));
  return got < 0 ? 0 : static_cast<size_t>(got);
}

}  // namespace askr::php
