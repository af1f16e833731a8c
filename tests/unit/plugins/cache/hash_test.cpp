// The hashes: each byte counts, and so does how many there are.
#include "hash.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>

TEST_CASE("every bit of a text, and its length, changes its hashes") {
  std::string text;
  for (unsigned size = 0; size < 140; ++size) {
    std::set<uint64_t> short_ones{cache::hash_of(text)};
    std::set<uint64_t> wide_ones{cache::wide_hash_of(text)};
    for (unsigned bit = 0; bit < 8 * size; ++bit) {
      text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1U << bit % 8));
      short_ones.insert(cache::hash_of(text));
      wide_ones.insert(cache::wide_hash_of(text));
      text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1U << bit % 8));
    }
    for (const size_t longer : {1U, 7U, 8U, 9U, 32U}) {
      short_ones.insert(cache::hash_of(text + std::string(longer, '\0')));
      wide_ones.insert(cache::wide_hash_of(text + std::string(longer, '\0')));
    }
    CAPTURE(size);
    REQUIRE(short_ones.size() == 8 * size + 6);
    REQUIRE(wide_ones.size() == 8 * size + 6);
    text.push_back(static_cast<char>(size * 37 + 11));
  }
}
