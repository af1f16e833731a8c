// A slot: one request on its way from a gateway to a worker and back (regions kernel.gateways and
// kernel.exchange).
//
//   free -> filling -> queued -> running -> done -> free
//                 ^-- withdrawn -'    '-> crashed -> free, or queued again
//
// Each gateway has its own range of slots, so taking and releasing one needs no lock and a new gateway finds what its
// predecessor left. Every change out of `queued` and `running` is one compare-and-swap: gateway (withdraw), worker
// (take, finish) and master (its worker died) may race, exactly one wins.
//
// A slot has two halves. Which requests there are and what they are is the gateway's, and no worker can write there.
// The state and the response are written by workers: what makes no sense in it is distrusted by the gateway, and a slot
// whose state is nonsense is found by the master (audit.hpp), for which it is a request whose worker has died.
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
  kStreaming = 2,  // worker: flush() was called
  kAborted = 4,    // worker: the response could not be completed
};

// The half of a slot that its gateway alone writes to: what it wants, and how far it has got.
struct alignas(64) Order {
  std::atomic<uint32_t> open;       // 1: there is a request in it; 0: whatever the other half says, it is free
  std::atomic<uint32_t> ticket;     // changes with each request, so a stale queue entry is recognised
  std::atomic<uint32_t> abandoned;  // 1: nobody waits for the response any more
  std::atomic<uint32_t> consumed;   // segments

  // --- constant while it is queued
  uint32_t spooled;    // 1: the body is in a file (BodyRequest), 0: inline
  uint32_t head_size;  // bytes of the encoded head; an inline body follows it
  uint32_t attempt;    // 0: first
  uint64_t body_size;
  int64_t queue_deadline;       // monotonic ns
  std::atomic<int64_t> queued;  // monotonic ns
};

// The half that workers write to. Others read each word once, check it and use what they have read.
struct alignas(128) Slot {
  std::atomic<SlotState> state;
  std::atomic<uint32_t> worker;  // index into the process table + 1, 0: none
  std::atomic<uint32_t> flags;

  // --- the timestamps every metric comes from, monotonic ns
  std::atomic<int64_t> started, first_byte, done;

  // --- the response: published by the worker, consumed by the gateway
  alignas(64) std::atomic<uint32_t> published;
  std::array<std::atomic<Segment>, kSegments> segments;
};

// A time that a worker has noted, if it may be one: not before `since` and not after `now`. Else 0.
constexpr int64_t time_between(int64_t since, int64_t noted, int64_t now) {
  return noted >= since && noted <= now ? noted : 0;
}

}  // namespace askr::exchange
