// The memory of this process as the kernel sees it: which areas a request could change, and which of their pages this
// process has for itself. Reads /proc with buffers of the caller and allocates nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace askr::php {

inline constexpr uintptr_t kPage = 4096;

// One mapping.
struct Area {
  uintptr_t begin, end;
  bool is_mutable;  // private and writable; all others are shared on purpose, or cannot change
  bool is_file;     // untouched pages are a file's, not zero

  [[nodiscard]] size_t pages() const { return (end - begin) / kPage; }
};

// All mappings of this process, in ascending order; returns how many there are, 0: they could not be read, or are too
// many.
size_t find_areas(std::span<Area> areas, std::span<char> buffer);

// One page, see /proc/PID/pagemap in proc(5).
class PageState {
 public:
  explicit PageState(uint64_t bits = 0) : bits_(bits) {}
  // There is something: in memory, or swapped out.
  [[nodiscard]] bool is_present() const { return (bits_ >> 62 & 3) != 0; }
  [[nodiscard]] bool is_swapped() const { return (bits_ >> 62 & 1) != 0; }
  // Not a file's, and no other process has it: this one may have written to it.
  [[nodiscard]] bool is_own() const { return is_swapped() || ((bits_ >> 56 & 1) != 0 && (bits_ >> 61 & 1) == 0); }

 private:
  uint64_t bits_;
};

// Calls visit(address, state) for each page of the area. False: /proc cannot be read. `fd` is /proc/self/pagemap.
template <class Visit>
bool for_each_page(int fd, const Area& area, std::span<uint64_t> buffer, Visit&& visit);

// Bytes read from the start of the descriptor's file, at most the buffer.
size_t read_at(int fd, void* buffer, size_t size, uint64_t offset);

template <class Visit>
bool for_each_page(int fd, const Area& area, std::span<uint64_t> buffer, Visit&& visit) {
  for (uintptr_t at = area.begin; at < area.end;) {
    const size_t wanted = std::min<size_t>(buffer.size(), (area.end - at) / kPage);
    if (read_at(fd, buffer.data(), wanted * sizeof(uint64_t), at / kPage * sizeof(uint64_t)) != wanted * 8)
      return false;
    for (size_t index = 0; index < wanted; ++index) visit(at + index * kPage, PageState(buffer[index]));
    at += wanted * kPage;
  }
  return true;
}

}  // namespace askr::php
