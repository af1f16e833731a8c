// How stored responses lie in shared memory.
//
//   ResponseHeader | buckets | entries | ghosts | pins | links | blocks
//
// An entry is one representation of one response. Its bytes are a chain of blocks: key, vary, tags and fields together
// in the first one, the body behind them and on through the others. Offsets and indices, no pointers.
//
// Only gateways write here; workers have it read-only. How large the parts are is not in here all the same: each
// process has it for itself, so that no number that lies here leads out of it.
#pragma once

#include <atomic>
#include <cstdint>

#include "askr/abi/shm.h"
#include "once.hpp"
#include "tags.hpp"
#include "writes.hpp"

namespace cache {

inline constexpr uint32_t kNobody = UINT32_MAX;
inline constexpr uint32_t kResponseBlock = 16U << 10;
inline constexpr uint64_t kBytesPerResponse = 140U << 10;  // of memory for each slot that was asked for
inline constexpr uint32_t kMostGateways = 256;
inline constexpr uint32_t kMostUses = 3;

enum class ResponseState : uint32_t {
  free,
  writing,  // a gateway fills it; nobody can find it
  live,
  retired,  // not to be found any more; free when the last gateway has let go of it
};

enum class Queue : uint32_t { none, small, main };

struct alignas(64) ResponseEntry {
  std::atomic<ResponseState> state;
  std::atomic<uint32_t> next;  // in its bucket, or in the list of free ones
  uint64_t hash;
  uint64_t born;                                  // see TagClock
  uint64_t began;                                 // see WriteClock
  uint64_t version;                               // of the response that it is; its other codings have the same
  int64_t stored;                                 // monotonic ns, less the age that it had then
  int64_t fresh_until, stale_until, error_until;  // monotonic ns
  std::atomic<int64_t> refresh_until;             // until then somebody is at fetching it anew
  std::atomic<int64_t> failed_until;              // until then nobody tries: it has just failed
  std::atomic<uint32_t> uses;                     // 0 to 3, since the queue was last asked
  uint32_t coding;                                // enum askr_coding
  uint32_t address;                               // WriteClock::index_of
  std::atomic<uint32_t> flags;
  uint32_t first_block, blocks;
  uint32_t key_size, vary_size, tag_count, head_size;
  uint64_t body_size;

  // --- with the lock
  uint32_t newer, older;  // its neighbours in its queue
  Queue queue;
  uint32_t writer;  // gateway that fills it
};

// Flags of an entry.
inline constexpr uint32_t kCompressible = 1;
inline constexpr uint32_t kNoGain = 2;  // shifted by the coding: encoding it did not make it smaller

struct Fifo {
  uint32_t newest, oldest;
  uint64_t blocks;
};

struct ResponseHeader {
  TagClock tags;
  WriteClock writes;
  alignas(64) askr_lock lock;
  std::atomic<uint32_t> changes;  // odd: buckets are being changed
  uint64_t seed;
  uint32_t free_entry, free_block, free_blocks;
  Fifo small, main;
  uint64_t last_version;
  alignas(64) std::atomic<uint64_t> stores, evictions, expired, recovered, mended;
  alignas(64) std::atomic<uint64_t> heard;  // Messages::count() of what the clock knows
  askr_lock news;                           // who brings the clock up to date has it
};

// How much there is of everything, and where.
struct ResponseGeometry {
  uint32_t entries, blocks, buckets, ghosts;  // buckets and ghosts: powers of two
  uint64_t bucket_at, entry_at, ghost_at, pin_at, link_at, block_at, end;

  static ResponseGeometry of(uint64_t slots);
};

// Where the bytes of a response are, as its entry says; read once, and checked (ResponseStore::extent_of).
struct Extent {
  uint32_t first_block, blocks;
  uint32_t key_size, vary_size, tag_count, head_size;
  uint64_t body_size;

  [[nodiscard]] uint64_t tags_at() const { return uint64_t{key_size} + vary_size; }
  [[nodiscard]] uint64_t head_at() const { return tags_at() + uint64_t{tag_count} * sizeof(uint32_t); }
  [[nodiscard]] uint64_t body_at() const { return head_at() + head_size; }
};

}  // namespace cache
