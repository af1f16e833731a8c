// Files that were compressed beforehand: app.js.br and app.js.gz beside app.js.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "negotiation.hpp"

namespace compression {

struct OpenNeighbour {
  int fd = -1;  // the caller's; -1: there is none
  uint64_t size = 0;
};

// Remembers for a second which neighbours a file has, so that a hot file costs no system call for those it has not.
class Neighbours {
 public:
  static constexpr int64_t kRemembered = 1'000'000'000;  // nanoseconds
  static constexpr size_t kMost = 4096;

  struct Offer {
    bool brotli = false, gzip = false;
  };
  // What there is: regular, readable, and at least as new as `path` (absolute). `now` is monotonic, in nanoseconds.
  Offer look(const std::string& path, int64_t now);
  // Opens one of them. It may have vanished since.
  static OpenNeighbour open(const std::string& path, Coding coding);

 private:
  struct Known {
    Offer offer;
    int64_t until;
  };
  std::unordered_map<std::string, Known> known_;
};

}  // namespace compression
