// Files that were compressed beforehand: app.js.br and app.js.gz beside app.js.
//
// A neighbour is believed when it is not older than the file itself: neither by the time of modification, which tools
// like `brotli -k` and `pigz -k` copy without its fraction of a second, nor by the time of change, which nobody can
// set. So between the two steps of a deploy, the new file and then its new neighbour, the old neighbour is not sent.
// Its validators are its own: whatever is beside it, they never stand for other bytes.
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
  int64_t modified = 0;  // seconds since 1970
  std::string etag;
};

// Remembers for a second which neighbours a file has, so that a hot file costs no system call for those it has not.
class Neighbours {
 public:
  static constexpr int64_t kRemembered = 1'000'000'000;  // nanoseconds
  static constexpr size_t kMost = 4096;

  struct Offer {
    bool brotli = false, gzip = false;
  };
  // What there is beside `path` (absolute): regular, readable, not older. `now` is monotonic, in nanoseconds.
  Offer look(const std::string& path, int64_t now);
  // Opens one of them, if it is still what look() has found. The file itself may have been replaced since as well.
  static OpenNeighbour open(const std::string& path, Coding coding);

 private:
  struct Known {
    Offer offer;
    int64_t until;
  };
  std::unordered_map<std::string, Known> known_;
};

}  // namespace compression
