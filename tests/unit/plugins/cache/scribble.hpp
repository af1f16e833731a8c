// Writes rubbish into shared memory as broken extensions and attackers do: noise, one value all over, numbers that
// could be indices, single words. Each seed is another way.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

class Scribbler {
 public:
  explicit Scribbler(uint64_t seed) : random_(seed), seed_(seed) {}

  // Over all of it or parts; `likely` is the number that most of its indices are below.
  void scribble(void* memory, size_t size, uint32_t likely) {
    auto* words = static_cast<uint32_t*>(memory);
    const size_t count = size / sizeof(uint32_t);
    switch (seed_ % 8) {
      case 0:
        for (size_t i = 0; i < count; ++i) words[i] = noise();
        break;
      case 1:
        std::memset(memory, seed_ % 16 == 1 ? 0 : 0xff, size);
        break;
      case 2:
        for (size_t i = 0; i < count; ++i) words[i] = noise() % likely;
        break;
      case 3:
        for (size_t i = 0; i < count; ++i) {
          if (noise() % 16 == 0) words[i] = noise() % likely;
        }
        break;
      case 4:
        for (size_t i = 0; i < std::min<size_t>(count, 4096); ++i) words[i] = word(likely);
        break;
      case 5:
        std::fill_n(words, count, word(likely));
        break;
      default:
        for (unsigned times = 1U << (noise() % 12); times > 0; --times) words[noise() % count] = word(likely);
    }
  }

  uint32_t noise() { return static_cast<uint32_t>(random_() >> 32); }
  uint32_t word(uint32_t likely) {
    switch (noise() % 6) {
      case 0:
        return 0;
      case 1:
        return UINT32_MAX;
      case 2:
        return 1U << (noise() % 32);
      case 3:
        return noise();
      default:
        return noise() % likely;
    }
  }

 private:
  std::mt19937_64 random_;
  uint64_t seed_;
};

inline unsigned scribble_seeds() {
  return std::getenv("ASKR_SOAK") != nullptr ? 1000 : 100;
}
