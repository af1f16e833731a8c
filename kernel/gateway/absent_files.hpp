// Paths of routes where no file was a moment ago. An application in worker mode answers most requests, and the look at
// the disk is a third of the system calls that such a request costs; nginx saves it with open_file_cache_errors.
//
// Only of names without a dot: files that an application makes when they are asked for (a picture in another size) have
// an extension, and are seen at once. Another file may be published up to kRemembered late.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace askr::gateway {

class AbsentFiles {
 public:
  static constexpr int64_t kRemembered = kSecond;
  static constexpr size_t kLongestPath = 255;  // bounds the memory

  // `path` is absolute, `now` monotonic.
  [[nodiscard]] bool has(std::string_view path, int64_t now) const;
  // That nothing was there, or nothing that could be (ENOENT, ENOTDIR).
  void remember(std::string_view path, int64_t now);

 private:
  struct Entry {
    std::string path;
    int64_t until = 0;
  };
  static constexpr size_t kEntries = 1024;  // each path has its place; who comes later has it

  static size_t place_of(std::string_view path);

  std::array<Entry, kEntries> entries_;
};

}  // namespace askr::gateway
