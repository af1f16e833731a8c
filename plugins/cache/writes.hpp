// WriteClock: which responses are older than a write to their own address (RFC 9111 section 4.4).
//
// The same idea as TagClock (tags.hpp): writes are numbered, a response remembers the number of the last one before its
// request began, and an address that of its own last one. So a page that was being made while somebody wrote is never
// served, whichever of the two ends first, and without a look for what is stored. An address is one of 65,536 counters:
// two that share one are renewed together. Only gateways write here, because only they see requests.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "hash.hpp"

namespace cache {

class WriteClock {
 public:
  static constexpr uint32_t kCounters = 1U << 16;

  static uint32_t index_of(std::string_view address) {
    return static_cast<uint32_t>(hash_of(address) >> 48) % kCounters;
  }

  // What `began` is for a request that begins now.
  [[nodiscard]] uint64_t now() const { return last_.load(std::memory_order_acquire); }
  // What began before is not served after this has returned.
  void note(uint32_t address) {
    const uint64_t number = last_.fetch_add(1) + 1;
    std::atomic<uint64_t>& word = written_[address % kCounters];
    uint64_t before = word.load();
    while (before < number && !word.compare_exchange_weak(before, number)) {
    }
  }
  [[nodiscard]] bool is_written_since(uint32_t address, uint64_t began) const {
    return written_[address % kCounters].load(std::memory_order_acquire) > began;
  }

 private:
  std::atomic<uint64_t> last_;
  std::array<std::atomic<uint64_t>, kCounters> written_;
};

}  // namespace cache
