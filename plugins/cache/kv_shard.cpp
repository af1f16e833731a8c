// Why a kill -9 at any instruction harms nothing, and readers need no lock.
//
// Every change of structure (linking, unlinking, giving blocks back) happens under the shard's lock between two
// increments of `version`. A reader notes the version, walks a bucket, copies the value and looks at the version again:
// if it is odd or has changed, what was copied may be anything and is thrown away. While it walks it believes nothing:
// indices are checked, chains have a greatest length. After a few tries it takes the lock instead. A new value is
// written into an entry and blocks that nobody can reach, becomes `live` when it is complete, and only then the old
// entry of that key is given up. So at every instant each key has one complete live entry, or for a moment two, of
// which the higher sequence counts. A writer that is killed leaves the version odd and the lock held by a dead process;
// the next one that wants the lock is told, and rebuilds buckets and free lists from the live entries, each checked by
// its checksum and by its blocks being its own. Nothing else is believed. Numbers are one word, changed by one store.
// Eviction is CLOCK: a hand goes round the entries and takes the first that was not read since it last came by.
#include "kv_shard.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "hash.hpp"

namespace cache {
namespace {

constexpr uint32_t kLongestWalk = 4096;

uint32_t blocks_for(size_t bytes) {
  return static_cast<uint32_t>((bytes + kBlockBytes - 1) / kBlockBytes);
}

uint32_t buckets_for(uint32_t entries) {
  return std::bit_ceil(std::max(entries, 8U));
}

}  // namespace

// The version is odd while this lives.
struct ShardView::Change {
  explicit Change(Shard& shard_in) : shard(shard_in) {
    shard.version.store(shard.version.load(std::memory_order_relaxed) | 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
  }
  ~Change() { shard.version.store(shard.version.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  Shard& shard;
};

ShardView::ShardView(const askr_shm& shm, Header& header, Shard& shard, Counters& counters)
    : shm_(shm), header_(header), shard_(shard), counters_(counters) {
  buckets_ = reinterpret_cast<uint32_t*>(&shard + 1);
  const uint32_t buckets = shard.bucket_mask + 1;
  entries_ = reinterpret_cast<Entry*>(buckets_ + buckets);
  blocks_ = reinterpret_cast<Block*>(entries_ + shard.entries);
}

uint64_t ShardView::bytes(uint32_t entries, uint32_t blocks) {
  const uint64_t size = sizeof(Shard) + buckets_for(entries) * sizeof(uint32_t) + uint64_t{entries} * sizeof(Entry) +
                        uint64_t{blocks} * sizeof(Block);
  return (size + alignof(Shard) - 1) / alignof(Shard) * alignof(Shard);
}

void ShardView::format(const askr_shm& shm, Header& header, Shard& shard, uint32_t entries, uint32_t blocks) {
  shard.entries = entries;
  shard.blocks = blocks;
  shard.bucket_mask = buckets_for(entries) - 1;
  ShardView(shm, header, shard, header.counters[0]).repair();  // without live entries: all is free
}

// ---------------------------------------------------------------- reading

bool ShardView::is_gone(const Entry& entry, int64_t now) const {
  const int64_t expires = entry.expires.load(std::memory_order_relaxed);
  return entry.epoch != header_.epoch.load(std::memory_order_relaxed) || (expires != 0 && expires <= now);
}

bool ShardView::has_key(const Entry& entry, std::string_view key) const {
  if (entry.key_size != key.size()) return false;
  uint32_t at = entry.first_block;
  while (!key.empty()) {
    if (at >= shard_.blocks) return false;
    const size_t part = std::min<size_t>(key.size(), kBlockBytes);
    if (std::memcmp(blocks_[at].bytes, key.data(), part) != 0) return false;
    key.remove_prefix(part);
    at = blocks_[at].next;
  }
  return true;
}

// The value begins behind the key. False: the chain ends too early, because somebody is changing it.
bool ShardView::copy_value(const Entry& entry, char* to, uint32_t key_size, uint32_t value_size) const {
  uint32_t at = entry.first_block;
  uint32_t skip = key_size;
  for (; skip >= kBlockBytes; skip -= kBlockBytes) {
    if (at >= shard_.blocks) return false;
    at = blocks_[at].next;
  }
  while (value_size > 0) {
    if (at >= shard_.blocks) return false;
    const uint32_t part = std::min(value_size, kBlockBytes - skip);
    std::memcpy(to, blocks_[at].bytes + skip, part);
    to += part;
    value_size -= part;
    skip = 0;
    at = blocks_[at].next;
  }
  return true;
}

Found ShardView::read(uint64_t hash, std::string_view key, int64_t now, Destination& value) const {
  const uint32_t version = shard_.version.load(std::memory_order_acquire);
  if (version % 2 == 1) return Found::unsure;
  const auto unchanged = [&] {
    std::atomic_thread_fence(std::memory_order_acquire);
    return shard_.version.load(std::memory_order_relaxed) == version;
  };
  uint32_t index = bucket(hash);
  for (uint32_t steps = 0; index < shard_.entries && steps < kLongestWalk; ++steps) {
    Entry& entry = entries_[index];
    if (entry.hash == hash && has_key(entry, key)) {
      if (is_gone(entry, now)) return unchanged() ? Found::no : Found::unsure;
      char digits[24];
      uint32_t size = entry.value_size;
      const uint32_t key_size = entry.key_size;
      const bool is_number = entry.is_number != 0;
      if (is_number) {
        const auto end =
            std::to_chars(digits, digits + sizeof digits, entry.number.load(std::memory_order_relaxed)).ptr;
        size = static_cast<uint32_t>(end - digits);
      }
      if (size > kLargestValue || key_size > kLargestKey) return Found::unsure;
      if (!unchanged()) return Found::unsure;  // before memory is asked for by a size that may be torn
      char* to = value.prepare(size);
      if (to == nullptr) return Found::no;
      if (is_number) {
        std::memcpy(to, digits, size);
      } else if (!copy_value(entry, to, key_size, size)) {
        return Found::unsure;
      }
      if (!unchanged()) return Found::unsure;
      if (entry.used.load(std::memory_order_relaxed) == 0) entry.used.store(1, std::memory_order_relaxed);
      return Found::yes;
    }
    index = entry.next;
  }
  return unchanged() ? Found::no : Found::unsure;
}

// ---------------------------------------------------------------- locking and repair

ShardView::Locked::Locked(ShardView& view) : view_(view) {
  if (view.shm_.lock(&view.shard_.lock) == ASKR_LOCK_RECOVERED) {
    view.counters_.recovered.fetch_add(1, std::memory_order_relaxed);
    view.repair();
  }
}

ShardView::Locked::~Locked() {
  view_.shm_.unlock(&view_.shard_.lock);
}

// Is the entry what its writer has finished, and are its blocks nobody else's? Marks them in `seen_blocks` if so.
bool ShardView::is_whole(uint32_t index, std::string& seen_blocks) const {
  const Entry& entry = entries_[index];
  if (entry.key_size > kLargestKey || entry.value_size > kLargestValue) return false;
  const uint32_t count = blocks_for(size_t{entry.key_size} + entry.value_size);
  uint32_t at = entry.first_block;
  for (uint32_t i = 0; i < count; ++i) {
    if (at >= shard_.blocks || seen_blocks[at] != 0) return false;
    at = blocks_[at].next;
  }
  if (checksum_of(entry) != entry.checksum) return false;
  at = entry.first_block;
  for (uint32_t i = 0; i < count; ++i, at = blocks_[at].next) seen_blocks[at] = 1;
  return true;
}

void ShardView::repair() {
  const Change change(shard_);
  std::fill_n(buckets_, shard_.bucket_mask + 1, kNone);
  std::string seen_blocks(shard_.blocks, '\0');
  shard_.free_entry = shard_.free_block = kNone;
  shard_.free_blocks = 0;
  for (uint32_t index = 0; index < shard_.entries; ++index) {
    Entry& entry = entries_[index];
    const bool live = entry.state.load(std::memory_order_relaxed) == EntryState::live && is_whole(index, seen_blocks);
    if (!live) {
      entry.state.store(EntryState::free, std::memory_order_relaxed);
      entry.next = shard_.free_entry;
      shard_.free_entry = index;
      continue;
    }
    shard_.last_sequence = std::max(shard_.last_sequence, entry.sequence);
    entry.next = bucket(entry.hash);
    bucket(entry.hash) = index;
  }
  for (uint32_t at = 0; at < shard_.blocks; ++at) {
    if (seen_blocks[at] != 0) continue;
    blocks_[at].next = shard_.free_block;
    shard_.free_block = at;
    ++shard_.free_blocks;
  }
  // Two of one key: the older one goes.
  for (uint32_t index = 0; index < shard_.entries; ++index) {
    const Entry& entry = entries_[index];
    if (entry.state.load(std::memory_order_relaxed) != EntryState::live) continue;
    for (uint32_t other = bucket(entry.hash); other != kNone; other = entries_[other].next) {
      const Entry& twin = entries_[other];
      if (other == index || twin.hash != entry.hash || twin.sequence < entry.sequence) continue;
      std::string key(twin.key_size, '\0');
      uint32_t at = twin.first_block;
      for (size_t done = 0; done < key.size(); done += kBlockBytes, at = blocks_[at].next) {
        std::memcpy(key.data() + done, blocks_[at].bytes, std::min<size_t>(kBlockBytes, key.size() - done));
      }
      if (!has_key(entry, key)) continue;
      unlink(index);
      give_back(index);
      break;
    }
  }
}

// ---------------------------------------------------------------- changing

uint32_t ShardView::checksum_of(const Entry& entry) const {
  uint64_t sum = mix(entry.key_size + 1, entry.value_size + 1) ^ entry.hash ^ entry.sequence;
  uint32_t left = entry.key_size + entry.value_size;
  for (uint32_t at = entry.first_block; left > 0 && at < shard_.blocks; at = blocks_[at].next) {
    const uint32_t part = std::min(left, kBlockBytes);
    sum = mix(sum, hash_of({blocks_[at].bytes, part}));
    left -= part;
  }
  return static_cast<uint32_t>(sum ^ (sum >> 32));
}

uint32_t ShardView::find(uint64_t hash, std::string_view key, int64_t now) const {
  for (uint32_t index = bucket(hash); index != kNone; index = entries_[index].next) {
    if (entries_[index].hash == hash && has_key(entries_[index], key)) {
      return is_gone(entries_[index], now) ? kNone : index;
    }
  }
  return kNone;
}

void ShardView::unlink(uint32_t index) {
  uint32_t* at = &bucket(entries_[index].hash);
  while (*at != index && *at != kNone) at = &entries_[*at].next;
  if (*at == index) *at = entries_[index].next;
}

// To the free lists.
void ShardView::give_back(uint32_t index) {
  Entry& entry = entries_[index];
  entry.state.store(EntryState::free, std::memory_order_release);
  const uint32_t count = blocks_for(size_t{entry.key_size} + entry.value_size);
  uint32_t at = entry.first_block;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t next = blocks_[at].next;
    blocks_[at].next = shard_.free_block;
    shard_.free_block = at;
    at = next;
  }
  shard_.free_blocks += count;
  entry.next = shard_.free_entry;
  shard_.free_entry = index;
}

void ShardView::remove(uint32_t index) {
  const Change change(shard_);
  unlink(index);
  give_back(index);
}

// Until there is an entry and that many blocks. Twice round at most: after one turn nobody is marked as used.
bool ShardView::make_room(uint32_t blocks, int64_t now) {
  for (uint64_t steps = 0; steps < 2ULL * shard_.entries + 2; ++steps) {
    if (shard_.free_entry != kNone && shard_.free_blocks >= blocks) return true;
    shard_.hand = (shard_.hand + 1) % shard_.entries;
    Entry& entry = entries_[shard_.hand];
    if (entry.state.load(std::memory_order_relaxed) != EntryState::live) continue;
    const bool gone = is_gone(entry, now);
    if (!gone && entry.used.exchange(0, std::memory_order_relaxed) != 0) continue;
    (gone ? counters_.expired : counters_.evictions).fetch_add(1, std::memory_order_relaxed);
    remove(shard_.hand);
  }
  return shard_.free_entry != kNone && shard_.free_blocks >= blocks;
}

void ShardView::fill(Entry& entry, std::string_view key, std::string_view value) {
  uint32_t* link = &entry.first_block;
  *link = kNone;
  uint32_t used = kBlockBytes;
  for (std::string_view text : {key, value}) {
    while (!text.empty()) {
      if (used == kBlockBytes) {
        *link = shard_.free_block;
        Block& block = blocks_[shard_.free_block];
        shard_.free_block = block.next;
        --shard_.free_blocks;
        block.next = kNone;
        link = &block.next;
        used = 0;
      }
      // `link` is the first member of the block it belongs to.
      Block& block = *reinterpret_cast<Block*>(link);
      const size_t part = std::min<size_t>(text.size(), kBlockBytes - used);
      std::memcpy(block.bytes + used, text.data(), part);
      used += static_cast<uint32_t>(part);
      text.remove_prefix(part);
    }
  }
}

bool ShardView::store(uint64_t hash, std::string_view key, std::string_view value, std::optional<int64_t> number,
                      int64_t expires, int64_t now) {
  const uint32_t blocks = blocks_for(key.size() + value.size());
  if (blocks > shard_.blocks / 2 || !make_room(blocks, now)) {
    counters_.refused.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  const Change change(shard_);
  const uint32_t index = shard_.free_entry;
  Entry& entry = entries_[index];
  shard_.free_entry = entry.next;
  entry.state.store(EntryState::writing, std::memory_order_release);
  fill(entry, key, value);
  entry.hash = hash;
  entry.sequence = ++shard_.last_sequence;
  entry.epoch = header_.epoch.load(std::memory_order_relaxed);
  entry.expires.store(expires, std::memory_order_relaxed);
  entry.key_size = static_cast<uint32_t>(key.size());
  entry.value_size = static_cast<uint32_t>(value.size());
  entry.number.store(number.value_or(0), std::memory_order_relaxed);
  entry.is_number = number ? 1 : 0;
  entry.used.store(0, std::memory_order_relaxed);
  entry.checksum = checksum_of(entry);
  entry.state.store(EntryState::live, std::memory_order_release);

  for (uint32_t old = bucket(hash); old != kNone; old = entries_[old].next) {
    if (entries_[old].hash != hash || !has_key(entries_[old], key)) continue;
    unlink(old);
    give_back(old);
    break;
  }
  entry.next = bucket(hash);
  bucket(hash) = index;
  return true;
}

// ---------------------------------------------------------------- looking inside

std::string ShardView::value_of(const Entry& entry) const {
  if (entry.is_number != 0) return std::to_string(entry.number.load(std::memory_order_relaxed));
  std::string value(entry.value_size, '\0');
  copy_value(entry, value.data(), entry.key_size, entry.value_size);
  return value;
}

std::pair<uint64_t, uint64_t> ShardView::items_and_bytes(int64_t now) const {
  uint64_t items = 0;
  for (uint32_t index = 0; index < shard_.entries; ++index) {
    const Entry& entry = entries_[index];
    if (entry.state.load(std::memory_order_relaxed) == EntryState::live && !is_gone(entry, now)) ++items;
  }
  return {items, uint64_t{shard_.blocks - shard_.free_blocks} * sizeof(Block)};
}

std::string ShardView::check() const {
  std::string seen(shard_.blocks, '\0');
  uint32_t live = 0;
  for (uint32_t index = 0; index < shard_.entries; ++index) {
    if (entries_[index].state.load() == EntryState::writing) return "an entry is half written";
    if (entries_[index].state.load() != EntryState::live) continue;
    ++live;
    if (!is_whole(index, seen)) return "a live entry is not whole";
  }
  uint32_t linked = 0;
  for (uint32_t at = 0; at <= shard_.bucket_mask; ++at) {
    for (uint32_t index = buckets_[at]; index != kNone; index = entries_[index].next) {
      if (++linked > live) return "the buckets have more entries than are live";
    }
  }
  if (linked != live) return "a live entry is in no bucket";
  uint32_t free = 0;
  for (uint32_t at = shard_.free_block; at != kNone; at = blocks_[at].next) {
    if (at >= shard_.blocks || seen[at] != 0) return "a free block is used, or free twice";
    seen[at] = 1;
    ++free;
  }
  if (free != shard_.free_blocks) return "the number of free blocks is wrong";
  if (std::count(seen.begin(), seen.end(), '\0') != 0) return "a block is lost";
  uint32_t free_entries = 0;
  for (uint32_t index = shard_.free_entry; index != kNone; index = entries_[index].next) {
    if (++free_entries > shard_.entries) return "the list of free entries has a circle";
  }
  return free_entries + live == shard_.entries ? "" : "an entry is lost";
}

}  // namespace cache
