// Messages: what any process may say to the response cache: a tag is forgotten, everything is.
//
// The cache itself is read-only for workers, because they may write anything anywhere. What they have to say is a bit
// for each tag in a region of its own, and a count that goes up after each. Gateways look at the count whenever they
// begin or answer something, and when it has changed they take the bits and do what those say, in the clock that only
// they write (tags.hpp). Any bits make sense, so rubbish in here forgets pages, and that is all.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "tags.hpp"

namespace cache {

class Messages {
 public:
  // From any process. A gateway that begins or answers a request after this has returned knows it.
  void forget(std::string_view tag) {
    const uint32_t index = TagClock::index_of(tag);
    forgotten_[index / 64].fetch_or(uint64_t{1} << index % 64);
    count_.fetch_add(1);
  }
  void flush() {
    all_.store(1);
    count_.fetch_add(1);
  }

  // Two values that differ say that there is something new.
  [[nodiscard]] uint64_t count() const { return count_.load(std::memory_order_acquire); }
  // Has it been said and not been taken yet?
  [[nodiscard]] bool has(uint32_t tag) const {
    return (forgotten_[tag % TagClock::kCounters / 64].load(std::memory_order_relaxed) >> tag % 64 & 1) != 0;
  }
  [[nodiscard]] bool has_all() const { return all_.load(std::memory_order_relaxed) != 0; }
  // In a gateway: does what was said.
  void take(TagClock& clock) {
    if (has_all() && all_.exchange(0) != 0) clock.flush();
    for (uint32_t at = 0; at < forgotten_.size(); ++at) {
      if (forgotten_[at].load(std::memory_order_relaxed) == 0) continue;
      uint64_t bits = forgotten_[at].exchange(0);
      for (uint32_t tag = at * 64; bits != 0; ++tag, bits >>= 1) {
        if ((bits & 1) != 0) clock.forget_counter(tag);
      }
    }
  }

 private:
  alignas(64) std::atomic<uint64_t> count_;
  std::atomic<uint32_t> all_;
  std::array<std::atomic<uint64_t>, TagClock::kCounters / 64> forgotten_;
};

}  // namespace cache
