// A slot: one request on its way from a gateway to a worker and back (region kernel.exchange).
//
//   free -> filling -> queued -> running -> done -> free
//                 ^-- withdrawn -'    '-> crashed -> free, or queued again
//
// Each gateway has its own range of slots, so taking and releasing one needs no lock and a new gateway finds what its
// predecessor left. Every change out of `queued` and `running` is one compare-and-swap: gateway (withdraw), worker
// (take, finish) and master (its worker died) may race, exactly one wins.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

namespace askr::exchange {

enum class SlotState : uint32_t { free, filling, queued, running, done, crashed };

enum class SegmentKind : uint8_t { interim, head, body };

// A piece of response in a block of the worker. The last segment of a block gives the block back. Small enough to be
// read in one go: who checks it and who uses it looks at the same copy.
struct alignas(8) Segment {
  uint16_t offset;  // bytes into the block
  uint16_t length;
  uint8_t block;  // of its worker
  SegmentKind kind;
  uint8_t last_of_block;
};
static_assert(std::atomic<Segment>::is_always_lock_free);

// Two segments at most per block (head and body), and all blocks of a worker may be under way.
inline constexpr uint32_t kSegments = 128;
inline constexpr uint32_t kRequestArea = 128U << 10;  // bytes per slot: encoded head, then an inline body
inline constexpr uint32_t kInlineBody = 64U << 10;    // bodies above go to a spool file
inline constexpr uint32_t kLargestHead = kRequestArea - kInlineBody;

enum SlotFlag : uint32_t {
  kAbandoned = 1,  // gateway: nobody waits for the response any more
  kStreaming = 2,  // worker: flush() was called
  kAborted = 4,    // worker: the response could not be completed
};

struct alignas(128) Slot {
  std::atomic<SlotState> state;
  std::atomic<uint32_t> ticket;  // changes with each request, so a stale queue entry is recognised
  std::atomic<uint32_t> worker;  // index into the process table + 1, 0: none
  std::atomic<uint32_t> flags;

  // --- written by the gateway while filling
  uint32_t spooled;    // 1: the body is in a file (BodyChannel), 0: inline
  uint32_t head_size;  // bytes of the encoded head; an inline body follows it
  uint32_t attempt;    // 0: first
  uint64_t body_size;
  int64_t queue_deadline;  // monotonic ns

  // --- the timestamps every metric comes from, monotonic ns
  std::atomic<int64_t> queued, started, first_byte, done;

  // --- the response: published by the worker, consumed by the gateway
  alignas(64) std::atomic<uint32_t> published;
  std::atomic<uint32_t> consumed;
  std::array<std::atomic<Segment>, kSegments> segments;

  // When its worker began, as its gateway sees it. The worker notes that a little after it has taken the request, and
  // until then there is what an attempt before has noted, or nothing.
  [[nodiscard]] int64_t begun() const {
    return std::max(started.load(std::memory_order_relaxed), queued.load(std::memory_order_relaxed));
  }
};

}  // namespace askr::exchange
