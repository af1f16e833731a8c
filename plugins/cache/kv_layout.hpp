// How the key-value store lies in shared memory.
//
//   Header | counters | for each shard: Shard, buckets, entries, blocks
//
// Everything is indices, no pointers. A key and its value lie one after the other in a chain of small blocks of one
// size: a value of a megabyte and one of ten bytes come from the same pool, so no memory is tied to a size that nobody
// uses any more (which is what size classes suffer from).
//
// Every worker may write anything here at any time. So what says how large the parts are is not in here: each process
// has it for itself (Geometry). Whatever is in here is read once, checked, and used then.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "askr/abi/shm.h"
#include "once.hpp"

namespace cache {

inline constexpr uint32_t kNone = UINT32_MAX;
inline constexpr size_t kLargestKey = 1024;
inline constexpr size_t kLargestValue = 1U << 20;
inline constexpr size_t kBytesPerSlot = 4096;  // of memory for each entry that was asked for
inline constexpr uint32_t kBlockBytes = 252;

enum class EntryState : uint32_t {
  free,
  writing,  // taken, not to be seen
  live,
};

struct Block {
  uint32_t next;
  char bytes[kBlockBytes];
};

struct Entry {
  std::atomic<EntryState> state;
  std::atomic<uint32_t> used;  // since the hand of the clock came by
  uint32_t next;               // in its bucket, or in the list of free ones
  uint32_t first_block;
  uint64_t hash;
  uint64_t sequence;  // of two live entries of one key, which only a crash can leave, the higher one counts
  uint64_t epoch;
  std::atomic<int64_t> expires;  // monotonic ns; 0: never
  uint32_t key_size, value_size;
  std::atomic<int64_t> number;  // the value, when is_number
  uint32_t is_number;
  uint32_t
      checksum;  // over what must not be torn: all of this that touch() and increment() do not change, and the value
  uint32_t expires_check;  // over `expires`
};

struct alignas(64) Shard {
  askr_lock lock;
  std::atomic<uint32_t> version;  // odd: its structure is being changed
  uint32_t free_entry, free_block, free_blocks;
  uint32_t hand;
  uint32_t writer;  // the process that changed it last
  uint64_t last_sequence;
};

// A cache line for each of a few processes, so that counting a hit does not make readers wait for each other.
struct alignas(64) Counters {
  std::atomic<uint64_t> hits, misses, stores, evictions, expired, recovered, refused, mended;
};
inline constexpr size_t kCounterStripes = 32;

struct Header {
  std::atomic<uint64_t> epoch;  // raised by flush(): entries of others are gone
  std::array<Counters, kCounterStripes> counters;
};

// How much there is of everything; the same for each shard.
struct Geometry {
  uint32_t shards, entries, blocks, buckets;  // shards and buckets: powers of two
  uint64_t shard_bytes;
};

}  // namespace cache
