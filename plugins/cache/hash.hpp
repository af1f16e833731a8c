// 64-bit hashes, fast rather than hard to attack: whoever can choose keys here runs in the application. One for a few
// dozen bytes, one for any number of them.
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

// Two words for each multiplication; where there are many, two chains that do not wait for each other. The last words
// may be read twice.
inline uint64_t wide_hash_of(std::string_view text) {
  constexpr uint64_t kFirst = 0x8ebc6af09c88c6e3ULL;
  constexpr uint64_t kSecond = 0x589965cc75374cc3ULL;
  const auto word = [](const char* from) {
    uint64_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return value;
  };
  if (text.size() < 16) return hash_of(text);
  const char* at = text.data();
  const char* const end = at + text.size();
  uint64_t one = text.size() ^ kSecond;
  if (text.size() > 32) {
    uint64_t two = kFirst;
    for (; end - at > 32; at += 32) {
      one = mix(word(at) ^ kFirst, word(at + 8) ^ one);
      two = mix(word(at + 16) ^ kSecond, word(at + 24) ^ two);
    }
    one ^= two;
  }
  if (end - at > 16) one = mix(word(at) ^ kFirst, word(at + 8) ^ one);
  return mix(word(end - 16) ^ kSecond, word(end - 8) ^ one);
}

}  // namespace cache
