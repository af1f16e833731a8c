#include "base/process_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "base/fd.hpp"

namespace askr {
namespace {

// The number behind "Rss:", which is in kilobytes.
uint64_t bytes_of(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string_view::npos) return 0;
  const char* from = text.data() + std::min(text.find_first_not_of(' ', at + key.size()), text.size());
  uint64_t kilobytes = 0;
  std::from_chars(from, text.data() + text.size(), kilobytes);
  return kilobytes << 10;
}

ProcessMemory read_memory(const char* path) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  std::array<char, 2048> buffer;
  const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
  if (size <= 0) return {};
  const std::string_view text(buffer.data(), static_cast<size_t>(size));
  return {bytes_of(text, "\nRss:"), bytes_of(text, "\nPss:"),
          bytes_of(text, "\nPrivate_Clean:") + bytes_of(text, "\nPrivate_Dirty:")};
}

}  // namespace

ProcessMemory memory_of(int pid) {
  std::array<char, 40> path;
  std::snprintf(path.data(), path.size(), "/proc/%d/smaps_rollup", pid);
  return read_memory(path.data());
}

uint64_t own_private_memory() {
  return read_memory("/proc/self/smaps_rollup").own;
}

}  // namespace askr
