// A 64-bit hash of a few dozen bytes, fast rather than hard to attack: whoever can choose keys here runs in the
// application.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace cache {

inline uint64_t mix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t hash_of(std::string_view text) {
  constexpr uint64_t kFirst = 0x9e3779b97f4a7c15ULL;
  constexpr uint64_t kSecond = 0xd6e8feb86659fd93ULL;
  uint64_t state = text.size() * kFirst;
  while (text.size() >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    state = mix(state ^ word, kSecond);
    text.remove_prefix(8);
  }
  uint64_t rest = 0;
  std::memcpy(&rest, text.data(), text.size());
  return mix(state ^ rest ^ kFirst, kSecond);
}

}  // namespace cache
