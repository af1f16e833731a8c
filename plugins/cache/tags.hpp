// TagClock: which responses have been invalidated, whatever their number, by one change of one word.
//
// Invalidations are numbered. A response remembers the number of the last one before its request began (`born`), and
// each tag the number of its own last one: the response is good as long as none of its tags has a higher number. So
// what was being rendered while its tag was forgotten is dead on arrival. Tags are not registered anywhere: a tag is
// one of 65,536 counters, chosen by its hash. Two tags that share one are forgotten together, which costs a render;
// nothing grows with the number of tags, and nothing can be full.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "hash.hpp"

namespace cache {

class TagClock {
 public:
  static constexpr uint32_t kCounters = 1U << 16;

  static uint32_t index_of(std::string_view tag) { return static_cast<uint32_t>(hash_of(tag) >> 48) % kCounters; }

  // What `born` is for a request that begins now.
  [[nodiscard]] uint64_t now() const { return last_.load(std::memory_order_acquire); }
  // In a gateway; workers send messages (messages.hpp). What was born before is not served after it has returned.
  void forget(std::string_view tag) { forget_counter(index_of(tag)); }
  void forget_counter(uint32_t index) { raise(forgotten_[index % kCounters]); }
  void flush() { raise(flushed_); }

  [[nodiscard]] bool is_flushed(uint64_t born) const { return flushed_.load(std::memory_order_acquire) > born; }
  [[nodiscard]] bool is_forgotten(uint32_t index, uint64_t born) const {
    return forgotten_[index % kCounters].load(std::memory_order_acquire) > born;
  }

 private:
  // Killed between the two: the caller has been told nothing, and nothing was invalidated.
  void raise(std::atomic<uint64_t>& word) {
    const uint64_t number = last_.fetch_add(1) + 1;
    uint64_t before = word.load();
    while (before < number && !word.compare_exchange_weak(before, number)) {
    }
  }

  std::atomic<uint64_t> last_, flushed_;
  std::array<std::atomic<uint64_t>, kCounters> forgotten_;
};

}  // namespace cache
