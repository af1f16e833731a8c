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

Geometry geometry_for(uint64_t slots) {
  const uint64_t total = std::max<uint64_t>(slots * kBytesPerSlot, kLeastShardBytes);
  const auto shards = static_cast<uint32_t>(std::min<uint64_t>(std::bit_floor(total / kLeastShardBytes), kMostShards));
  const auto entries = static_cast<uint32_t>(std::max<uint64_t>((slots + shards - 1) / shards, 16));
  const auto blocks = static_cast<uint32_t>(total / shards / sizeof(Block));
  return {shards, entries, blocks, ShardView::buckets_for(entries), ShardView::bytes(entries, blocks)};
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
  const Geometry geometry = geometry_for(slots);
  return header_bytes() + geometry.shards * geometry.shard_bytes;
}

void KvStore::format(void* region, uint64_t slots, const askr_shm& shm) {
  const KvStore store(region, slots, shm);
  store.context_.header.epoch.store(1, std::memory_order_relaxed);
  for (uint32_t index = 0; index < store.context_.geometry.shards; ++index) {
    ShardView(store.context_, store.shard_at(index)).mend(ShardView::Keep::nothing);
  }
}

KvStore::KvStore(void* region, uint64_t slots, const askr_shm& shm, void (*report)(const std::string& line))
    : region_(static_cast<char*>(region)),
      context_{shm, *static_cast<Header*>(region),
               static_cast<Header*>(region)->counters[static_cast<size_t>(::getpid()) % kCounterStripes],
               geometry_for(slots), static_cast<uint32_t>(::getpid())},
      report_(report) {}

Shard& KvStore::shard_at(uint32_t index) const {
  return *reinterpret_cast<Shard*>(region_ + header_bytes() + index * context_.geometry.shard_bytes);
}

// The upper half of the hash: the lower one picks the bucket.
uint32_t KvStore::shard_of(uint64_t hash) const {
  return static_cast<uint32_t>(hash >> 32) & (context_.geometry.shards - 1);
}

// work(shard), with its lock. Where that comes across nonsense, the shard is mended and it begins again: with what is
// whole first, and empty then.
template <class Work>
auto KvStore::with_lock(uint64_t hash, Work&& work) const {
  const uint32_t index = shard_of(hash);
  ShardView shard(context_, shard_at(index));
  const ShardView::Locked locked(shard);
  for (const ShardView::Keep keep : {ShardView::Keep::whole_entries, ShardView::Keep::nothing}) {
    if (shard.makes_sense()) {
      const auto result = work(shard);
      if (shard.makes_sense()) return result;
    }
    mend(shard, index, keep);
  }
  return work(shard);
}

void KvStore::mend(ShardView& shard, uint32_t index, ShardView::Keep keep) const {
  const std::string found = shard.nonsense();
  const uint32_t writer = once(shard_at(index).writer);
  const uint32_t kept = shard.mend(keep);
  context_.counters.mended.fetch_add(1, std::memory_order_relaxed);
  if (report_ == nullptr) return;
  report_("part " + std::to_string(index) + " of the key-value cache made no sense (" + found + "), " +
          std::to_string(kept) + " entries were whole and are kept; process " + std::to_string(writer) +
          " changed it last");
}

bool KvStore::get(std::string_view key, int64_t now, Destination& value) const {
  const uint64_t hash = hash_of(key);
  const ShardView shard(context_, shard_at(shard_of(hash)));
  Found found = Found::unsure;
  for (unsigned tries = 0; found == Found::unsure && tries < kTries; ++tries) {
    found = shard.read(hash, key, now, value);
  }
  if (found == Found::unsure) {  // a busy shard, or one whose writer was killed, or that makes no sense
    found = with_lock(hash, [&](ShardView& mine) { return mine.read_locked(hash, key, now, value); });
  }
  (found == Found::yes ? context_.counters.hits : context_.counters.misses).fetch_add(1, std::memory_order_relaxed);
  return found == Found::yes;
}

bool KvStore::set(std::string_view key, std::string_view value, int64_t expires, int64_t now) {
  if (!fits(key, value)) return false;
  const uint64_t hash = hash_of(key);
  context_.counters.stores.fetch_add(1, std::memory_order_relaxed);
  return with_lock(hash, [&](ShardView& shard) { return shard.store(hash, key, value, std::nullopt, expires, now); });
}

bool KvStore::add(std::string_view key, std::string_view value, int64_t expires, int64_t now) {
  if (!fits(key, value)) return false;
  const uint64_t hash = hash_of(key);
  return with_lock(hash, [&](ShardView& shard) {
    if (shard.find(hash, key, now) != kNone || !shard.makes_sense()) return false;
    context_.counters.stores.fetch_add(1, std::memory_order_relaxed);
    return shard.store(hash, key, value, std::nullopt, expires, now);
  });
}

bool KvStore::remove(std::string_view key, int64_t now) {
  const uint64_t hash = hash_of(key);
  return with_lock(hash, [&](ShardView& shard) {
    const uint32_t index = shard.find(hash, key, now);
    if (index == kNone) return false;
    shard.remove(index);
    return true;
  });
}

bool KvStore::touch(std::string_view key, int64_t expires, int64_t now) {
  const uint64_t hash = hash_of(key);
  return with_lock(hash, [&](ShardView& shard) {
    const uint32_t index = shard.find(hash, key, now);
    if (index == kNone) return false;
    shard.touch(index, expires);
    return true;
  });
}

std::optional<int64_t> KvStore::increment(std::string_view key, int64_t delta, int64_t expires, int64_t now) {
  if (!fits(key, {})) return std::nullopt;
  const uint64_t hash = hash_of(key);
  return with_lock(hash, [&](ShardView& shard) -> std::optional<int64_t> {
    const uint32_t index = shard.find(hash, key, now);
    int64_t number = 0;
    int64_t until = expires;
    bool is_number = false;
    if (index != kNone) {
      const Entry& entry = shard.entry(index);
      is_number = once(entry.is_number) != 0;
      if (is_number) {
        number = entry.number.load(std::memory_order_relaxed);
      } else if (!parse_number(shard.value_of(index), number)) {
        number = 0;
      }
      until = entry.expires.load(std::memory_order_relaxed);
    }
    if (!shard.makes_sense()) return std::nullopt;
    if (__builtin_add_overflow(number, delta, &number)) number = delta < 0 ? INT64_MIN : INT64_MAX;
    if (is_number) {
      shard.entry(index).number.store(number, std::memory_order_relaxed);
      return number;
    }
    return shard.store(hash, key, {}, number, until, now) ? std::optional(number) : std::nullopt;
  });
}

void KvStore::flush() {
  context_.header.epoch.fetch_add(1);
}

KvStats KvStore::stats(int64_t now) const {
  KvStats stats;
  for (const Counters& each : context_.header.counters) {
    stats.hits += each.hits.load(std::memory_order_relaxed);
    stats.misses += each.misses.load(std::memory_order_relaxed);
    stats.stores += each.stores.load(std::memory_order_relaxed);
    stats.evictions += each.evictions.load(std::memory_order_relaxed);
    stats.expired += each.expired.load(std::memory_order_relaxed);
    stats.recovered += each.recovered.load(std::memory_order_relaxed);
    stats.refused += each.refused.load(std::memory_order_relaxed);
    stats.mended += each.mended.load(std::memory_order_relaxed);
  }
  for (uint32_t index = 0; index < context_.geometry.shards; ++index) {
    const auto [items, bytes] = ShardView(context_, shard_at(index)).items_and_bytes(now);
    stats.items += items;
    stats.bytes += bytes;
  }
  return stats;
}

std::string KvStore::check() const {
  for (uint32_t index = 0; index < context_.geometry.shards; ++index) {
    ShardView shard(context_, shard_at(index));
    const ShardView::Locked locked(shard);
    if (!shard.makes_sense()) return shard.nonsense();
    if (std::string problem = shard.check(); !problem.empty()) return problem;
  }
  return "";
}

}  // namespace cache
