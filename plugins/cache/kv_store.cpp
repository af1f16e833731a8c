#include "kv_store.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <charconv>

#include "hash.hpp"

namespace cache {
namespace {

constexpr unsigned kTries = 8;
// A shard holds a few of the largest values; more shards mean fewer writers waiting for each other.
constexpr uint64_t kLeastShardBytes = 8U << 20;
constexpr uint32_t kMostShards = 64;

struct Layout {
  uint32_t shards, entries, blocks;  // the last two per shard
};

Layout layout_for(uint64_t slots) {
  const uint64_t total = std::max<uint64_t>(slots * kBytesPerSlot, kLeastShardBytes);
  const auto shards = static_cast<uint32_t>(std::min<uint64_t>(std::bit_floor(total / kLeastShardBytes), kMostShards));
  const auto entries = static_cast<uint32_t>(std::max<uint64_t>((slots + shards - 1) / shards, 16));
  const auto blocks = static_cast<uint32_t>(total / shards / sizeof(Block));
  return {shards, entries, blocks};
}

uint64_t header_bytes() {
  return (sizeof(Header) + alignof(Shard) - 1) / alignof(Shard) * alignof(Shard);
}

bool parse_number(std::string_view text, int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

uint64_t KvStore::bytes(uint64_t slots) {
  const Layout layout = layout_for(slots);
  return header_bytes() + layout.shards * ShardView::bytes(layout.entries, layout.blocks);
}

void KvStore::format(void* region, uint64_t slots, const askr_shm& shm) {
  const Layout layout = layout_for(slots);
  auto& header = *static_cast<Header*>(region);
  header.shards = layout.shards;
  header.shard_mask = layout.shards - 1;
  header.shard_bytes = ShardView::bytes(layout.entries, layout.blocks);
  header.epoch.store(1, std::memory_order_relaxed);
  const KvStore store(region, shm);
  for (uint32_t index = 0; index < layout.shards; ++index) {
    ShardView::format(shm, header, store.shard_at(index), layout.entries, layout.blocks);
  }
}

KvStore::KvStore(void* region, const askr_shm& shm)
    : region_(static_cast<char*>(region)),
      header_(*static_cast<Header*>(region)),
      shm_(shm),
      counters_(header_.counters[static_cast<size_t>(::getpid()) % kCounterStripes]) {}

Shard& KvStore::shard_at(uint32_t index) const {
  return *reinterpret_cast<Shard*>(region_ + header_bytes() + index * header_.shard_bytes);
}

// The upper half of the hash: the lower one picks the bucket.
ShardView KvStore::view(uint64_t hash) const {
  return {shm_, header_, shard_at(static_cast<uint32_t>(hash >> 32) & header_.shard_mask), counters_};
}

bool KvStore::get(std::string_view key, int64_t now, Destination& value) const {
  const uint64_t hash = hash_of(key);
  ShardView shard = view(hash);
  Found found = Found::unsure;
  for (unsigned tries = 0; found == Found::unsure && tries < kTries; ++tries) {
    found = shard.read(hash, key, now, value);
  }
  if (found == Found::unsure) {  // a busy shard, or one whose writer was killed: with the lock it holds still
    const ShardView::Locked locked(shard);
    found = shard.read(hash, key, now, value);
  }
  (found == Found::yes ? counters_.hits : counters_.misses).fetch_add(1, std::memory_order_relaxed);
  return found == Found::yes;
}

bool KvStore::set(std::string_view key, std::string_view value, int64_t expires, int64_t now) {
  if (!fits(key, value)) return false;
  const uint64_t hash = hash_of(key);
  ShardView shard = view(hash);
  const ShardView::Locked locked(shard);
  counters_.stores.fetch_add(1, std::memory_order_relaxed);
  return shard.store(hash, key, value, std::nullopt, expires, now);
}

bool KvStore::add(std::string_view key, std::string_view value, int64_t expires, int64_t now) {
  if (!fits(key, value)) return false;
  const uint64_t hash = hash_of(key);
  ShardView shard = view(hash);
  const ShardView::Locked locked(shard);
  if (shard.find(hash, key, now) != kNone) return false;
  counters_.stores.fetch_add(1, std::memory_order_relaxed);
  return shard.store(hash, key, value, std::nullopt, expires, now);
}

bool KvStore::remove(std::string_view key, int64_t now) {
  const uint64_t hash = hash_of(key);
  ShardView shard = view(hash);
  const ShardView::Locked locked(shard);
  const uint32_t index = shard.find(hash, key, now);
  if (index == kNone) return false;
  shard.remove(index);
  return true;
}

bool KvStore::touch(std::string_view key, int64_t expires, int64_t now) {
  const uint64_t hash = hash_of(key);
  ShardView shard = view(hash);
  const ShardView::Locked locked(shard);
  const uint32_t index = shard.find(hash, key, now);
  if (index == kNone) return false;
  shard.entry(index).expires.store(expires, std::memory_order_relaxed);
  return true;
}

std::optional<int64_t> KvStore::increment(std::string_view key, int64_t delta, int64_t expires, int64_t now) {
  if (!fits(key, {})) return std::nullopt;
  const uint64_t hash = hash_of(key);
  ShardView shard = view(hash);
  const ShardView::Locked locked(shard);
  const uint32_t index = shard.find(hash, key, now);
  int64_t number = 0;
  if (index != kNone) {
    Entry& entry = shard.entry(index);
    if (entry.is_number == 0 && !parse_number(shard.value_of(entry), number)) number = 0;
    if (entry.is_number != 0) number = entry.number.load(std::memory_order_relaxed);
    expires = entry.expires.load(std::memory_order_relaxed);
  }
  if (__builtin_add_overflow(number, delta, &number)) number = delta < 0 ? INT64_MIN : INT64_MAX;
  if (index != kNone && shard.entry(index).is_number != 0) {
    shard.entry(index).number.store(number, std::memory_order_relaxed);
    return number;
  }
  return shard.store(hash, key, {}, number, expires, now) ? std::optional(number) : std::nullopt;
}

void KvStore::flush() {
  header_.epoch.fetch_add(1);
}

KvStats KvStore::stats(int64_t now) const {
  KvStats stats;
  for (const Counters& each : header_.counters) {
    stats.hits += each.hits.load(std::memory_order_relaxed);
    stats.misses += each.misses.load(std::memory_order_relaxed);
    stats.stores += each.stores.load(std::memory_order_relaxed);
    stats.evictions += each.evictions.load(std::memory_order_relaxed);
    stats.expired += each.expired.load(std::memory_order_relaxed);
    stats.recovered += each.recovered.load(std::memory_order_relaxed);
    stats.refused += each.refused.load(std::memory_order_relaxed);
  }
  for (uint32_t index = 0; index < header_.shards; ++index) {
    const auto [items, bytes] = ShardView(shm_, header_, shard_at(index), counters_).items_and_bytes(now);
    stats.items += items;
    stats.bytes += bytes;
  }
  return stats;
}

std::string KvStore::check() const {
  for (uint32_t index = 0; index < header_.shards; ++index) {
    ShardView shard(shm_, header_, shard_at(index), counters_);
    const ShardView::Locked locked(shard);
    if (std::string problem = shard.check(); !problem.empty()) return problem;
  }
  return "";
}

}  // namespace cache
