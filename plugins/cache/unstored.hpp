// Unstored: pages of which a gateway knows that they are not to be stored, for a while. For a page that may be stored
// the cache has all of it rendered, even if a client wants its head, or only to know whether it has changed; of one
// that may not the application gets the request as it is. A table of fixed size in which the new push out the old: what
// it does not know costs a rendering.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cache {

class Unstored {
 public:
  static constexpr int64_t kRemembered = INT64_C(60) * 1'000'000'000;

  // `hash` of the page, `now` in monotonic nanoseconds.
  void note(uint64_t hash, int64_t now) { place(hash) = {hash, now + kRemembered}; }
  void forget(uint64_t hash) {
    if (place(hash).hash == hash) place(hash) = {};
  }
  [[nodiscard]] bool knows(uint64_t hash, int64_t now) { return place(hash).hash == hash && now < place(hash).until; }

 private:
  static constexpr size_t kPlaces = 4096;
  struct Known {
    uint64_t hash = 0;
    int64_t until = 0;
  };
  Known& place(uint64_t hash) { return places_[(hash >> 32) % kPlaces]; }
  std::array<Known, kPlaces> places_{};
};

}  // namespace cache
