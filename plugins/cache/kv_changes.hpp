// How a shard is changed: with its lock, and for readers to see.
#pragma once

#include "hash.hpp"
#include "kv_shard.hpp"

namespace cache {

// The version is odd while this lives.
struct ShardView::Change {
  explicit Change(ShardView& view) : shard(view.shard_) {
    shard.version.store(shard.version.load(std::memory_order_relaxed) | 1, std::memory_order_relaxed);
    shard.writer = view.context_.process;
    std::atomic_thread_fence(std::memory_order_release);
  }
  ~Change() { shard.version.store(shard.version.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  Shard& shard;
};

inline uint32_t blocks_for(size_t bytes) {
  return static_cast<uint32_t>((bytes + kBlockBytes - 1) / kBlockBytes);
}

// Of when an entry expires, which changes without its other fields.
inline uint32_t expires_check_of(int64_t expires) {
  return static_cast<uint32_t>(mix(static_cast<uint64_t>(expires) ^ 0x9e3779b97f4a7c15ULL, 0xd6e8feb86659fd93ULL));
}

}  // namespace cache
