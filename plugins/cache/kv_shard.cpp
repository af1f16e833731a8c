// Why a kill -9 at any instruction harms nothing, and readers need no lock.
//
// Every change of structure (linking, unlinking, giving blocks back) happens under the shard's lock between two
// increments of `version`. A reader notes the version, walks a bucket, copies the value and looks at the version again:
// if it is odd or has changed, what was copied may be anything and is thrown away. While it walks it believes nothing:
// indices are checked, chains have a greatest length, and the value that it hands out fits the checksum of its entry.
// After a few tries it takes the lock instead. A new value is written into an entry and blocks that nobody can reach,
// becomes `live` when it is complete, and only then the old entry of that key is given up. So at every instant each key
// has one complete live entry, or for a moment two, of which the higher sequence counts. A writer that is killed leaves
// the version odd and the lock held by a dead process; the next one that wants the lock is told, and makes the lists
// anew (kv_mend.cpp). Numbers are one word, changed by one store.
//
// Any worker may also have written anything anywhere in here, or go on writing after its lock was taken from it. With
// the lock as well each index is read once and checked, and each loop ends. Whoever comes across what cannot be mends
// the shard, which costs what was damaged, and begins again.
// Eviction is CLOCK: a hand goes round the entries and takes the first that was not read since it last came by.
#include "kv_shard.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "kv_changes.hpp"

namespace cache {
namespace {

constexpr uint32_t kLongestWalk = 4096;

}  // namespace

ShardView::ShardView(const ShardContext& context, Shard& shard)
    : context_(context), geometry_(context.geometry), shard_(shard) {
  buckets_ = reinterpret_cast<uint32_t*>(&shard + 1);
  entries_ = reinterpret_cast<Entry*>(buckets_ + geometry_.buckets);
  blocks_ = reinterpret_cast<Block*>(entries_ + geometry_.entries);
}

uint32_t ShardView::buckets_for(uint32_t entries) {
  return std::bit_ceil(std::max(entries, 8U));
}

uint64_t ShardView::bytes(uint32_t entries, uint32_t blocks) {
  const uint64_t size = sizeof(Shard) + buckets_for(entries) * sizeof(uint32_t) + uint64_t{entries} * sizeof(Entry) +
                        uint64_t{blocks} * sizeof(Block);
  return (size + alignof(Shard) - 1) / alignof(Shard) * alignof(Shard);
}

bool ShardView::no_sense(const char* what) const {
  if (nonsense_ == nullptr) nonsense_ = what;
  return false;
}

// ---------------------------------------------------------------- reading

bool ShardView::copy_head(const Entry& entry, Head& head) const {
  head.first_block = once(entry.first_block);
  head.key_size = once(entry.key_size);
  head.value_size = once(entry.value_size);
  head.is_number = once(entry.is_number);
  head.sequence = once(entry.sequence);
  head.epoch = once(entry.epoch);
  head.checksum = once(entry.checksum);
  head.expires = entry.expires.load(std::memory_order_relaxed);
  return head.key_size <= kLargestKey && head.value_size <= kLargestValue &&
         once(entry.expires_check) == expires_check_of(head.expires) &&
         entry.state.load(std::memory_order_relaxed) == EntryState::live;
}

uint32_t ShardView::checksum_of(const Head& head, uint64_t hash, std::string_view value) {
  constexpr uint64_t kKey = 0x9e3779b97f4a7c15ULL;
  const uint64_t sizes = uint64_t{head.key_size} << 32 | uint64_t{head.value_size} << 1 | head.is_number;
  const uint64_t own =
      mix(hash ^ kKey, sizes ^ uint64_t{head.first_block} << 16) ^ mix(head.sequence ^ kKey, ~head.epoch);
  const uint64_t sum = mix(own, (value.empty() ? 0 : wide_hash_of(value)) ^ kKey);
  return static_cast<uint32_t>(sum ^ sum >> 32);
}

bool ShardView::is_gone(const Head& head, int64_t now) const {
  return head.epoch != context_.header.epoch.load(std::memory_order_relaxed) ||
         (head.expires != 0 && head.expires <= now);
}

bool ShardView::has_key(const Entry& entry, std::string_view key) const {
  if (once(entry.key_size) != key.size()) return false;
  uint32_t at = once(entry.first_block);
  while (!key.empty()) {
    if (at >= geometry_.blocks) return false;
    const size_t part = std::min<size_t>(key.size(), kBlockBytes);
    if (std::memcmp(blocks_[at].bytes, key.data(), part) != 0) return false;
    key.remove_prefix(part);
    at = once(blocks_[at].next);
  }
  return true;
}

// The value begins behind the key. False: the chain ends too early.
bool ShardView::copy_value(const Head& head, char* to) const {
  uint32_t at = head.first_block;
  uint32_t skip = head.key_size;
  for (; skip >= kBlockBytes; skip -= kBlockBytes) {
    if (at >= geometry_.blocks) return false;
    at = once(blocks_[at].next);
  }
  for (uint32_t left = head.value_size; left > 0;) {
    if (at >= geometry_.blocks) return false;
    const uint32_t part = std::min(left, kBlockBytes - skip);
    std::memcpy(to, blocks_[at].bytes + skip, part);
    to += part;
    left -= part;
    skip = 0;
    at = once(blocks_[at].next);
  }
  return true;
}

bool ShardView::is_unchanged(uint32_t version) const {
  std::atomic_thread_fence(std::memory_order_acquire);
  return shard_.version.load(std::memory_order_relaxed) == version;
}

Found ShardView::read(uint64_t hash, std::string_view key, int64_t now, Destination& value) const {
  return walk(hash, key, now, value, std::min(kLongestWalk, geometry_.entries));
}

Found ShardView::read_locked(uint64_t hash, std::string_view key, int64_t now, Destination& value) const {
  const Found found = walk(hash, key, now, value, geometry_.entries);
  if (found == Found::unsure) no_sense("what an entry says");
  return found;
}

Found ShardView::walk(uint64_t hash, std::string_view key, int64_t now, Destination& value, uint32_t most_steps) const {
  const uint32_t version = shard_.version.load(std::memory_order_acquire);
  if (version % 2 == 1) return Found::unsure;
  uint32_t index = once(bucket(hash));
  for (uint32_t steps = 0; index != kNone; ++steps) {
    if (index >= geometry_.entries || steps == most_steps) return Found::unsure;
    const Entry& entry = entries_[index];
    if (once(entry.hash) == hash && has_key(entry, key)) return take(entry, hash, version, now, value);
    index = once(entry.next);
  }
  return is_unchanged(version) ? Found::no : Found::unsure;
}

Found ShardView::take(const Entry& entry, uint64_t hash, uint32_t version, int64_t now, Destination& value) const {
  Head head;
  // Before memory is asked for by a size that may be torn.
  if (!copy_head(entry, head) || !is_unchanged(version)) return Found::unsure;
  if (is_gone(head, now)) return Found::no;
  if (head.is_number != 0) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, entry.number.load(std::memory_order_relaxed)).ptr;
    if (head.checksum != checksum_of(head, hash, {}) || !is_unchanged(version)) return Found::unsure;
    const auto size = static_cast<size_t>(end - digits);
    char* to = value.prepare(size);
    if (to == nullptr) return Found::no;
    std::memcpy(to, digits, size);
  } else {
    char* to = value.prepare(head.value_size);
    if (to == nullptr) return Found::no;
    if (!copy_value(head, to) || head.checksum != checksum_of(head, hash, {to, head.value_size})) return Found::unsure;
    if (!is_unchanged(version)) return Found::unsure;
  }
  auto& used = const_cast<std::atomic<uint32_t>&>(entry.used);
  if (used.load(std::memory_order_relaxed) == 0) used.store(1, std::memory_order_relaxed);
  return Found::yes;
}

// ---------------------------------------------------------------- locking

ShardView::Locked::Locked(ShardView& view) : view_(view) {
  if (view.context_.shm.lock(&view.shard_.lock) == ASKR_LOCK_RECOVERED) {
    view.context_.counters.recovered.fetch_add(1, std::memory_order_relaxed);
    view.mend(Keep::whole_entries);
  } else if (view.shard_.version.load(std::memory_order_relaxed) % 2 == 1) {
    view.no_sense("a change that nobody is at");
  }
}

ShardView::Locked::~Locked() {
  view_.context_.shm.unlock(&view_.shard_.lock);
}

// ---------------------------------------------------------------- changing

uint32_t ShardView::find(uint64_t hash, std::string_view key, int64_t now) const {
  uint32_t index = once(bucket(hash));
  for (uint32_t steps = 0; index != kNone; ++steps) {
    if (index >= geometry_.entries || steps == geometry_.entries) {
      no_sense("a bucket");
      return kNone;
    }
    const Entry& entry = entries_[index];
    if (is_for(entry, hash, key)) {
      Head head;
      if (!copy_head(entry, head)) no_sense("what an entry says");
      return !makes_sense() || is_gone(head, now) ? kNone : index;
    }
    if (!makes_sense()) return kNone;
    index = once(entry.next);
  }
  return kNone;
}

// Two keys of one hash are rare: a damaged entry is likelier.
bool ShardView::is_for(const Entry& entry, uint64_t hash, std::string_view key) const {
  if (once(entry.hash) != hash) return false;
  if (has_key(entry, key)) return true;
  Head head;
  std::string text;
  if (!copy_head(entry, head) || !is_whole(head, hash, nullptr, text)) no_sense("the key of an entry");
  return false;
}

bool ShardView::unlink(uint32_t index) {
  uint32_t* link = &bucket(once(entries_[index].hash));
  for (uint32_t steps = 0; steps < geometry_.entries; ++steps) {
    const uint32_t at = once(*link);
    if (at >= geometry_.entries) break;
    if (at == index) {
      *link = once(entries_[index].next);
      return true;
    }
    link = &entries_[at].next;
  }
  return no_sense("an entry that is in no bucket");
}

// To the free lists.
bool ShardView::give_back(uint32_t index) {
  Entry& entry = entries_[index];
  entry.state.store(EntryState::free, std::memory_order_release);
  const uint32_t key_size = once(entry.key_size);
  const uint32_t value_size = once(entry.value_size);
  if (key_size > kLargestKey || value_size > kLargestValue) return no_sense("the size of an entry");
  const uint32_t count = blocks_for(size_t{key_size} + value_size);
  uint32_t at = once(entry.first_block);
  for (uint32_t i = 0; i < count; ++i) {
    if (at >= geometry_.blocks) return no_sense("the blocks of an entry");
    const uint32_t next = once(blocks_[at].next);
    blocks_[at].next = once(shard_.free_block);
    shard_.free_block = at;
    at = next;
  }
  shard_.free_blocks += count;
  entry.next = once(shard_.free_entry);
  shard_.free_entry = index;
  return true;
}

void ShardView::remove(uint32_t index) {
  const Change change(*this);
  if (unlink(index)) give_back(index);
}

void ShardView::touch(uint32_t index, int64_t expires) {
  const Change change(*this);
  entries_[index].expires.store(expires, std::memory_order_relaxed);
  entries_[index].expires_check = expires_check_of(expires);
}

// Until there is an entry and that many blocks. After one turn nobody is marked as used, and after two all could go:
// so it makes no sense if there is no room then. Nor does it if something is free that the lists do not have.
bool ShardView::make_room(uint32_t blocks, int64_t now) {
  const auto has_entry = [this] { return once(shard_.free_entry) != kNone; };
  if (!is_number_of_free_blocks(once(shard_.free_blocks), blocks)) return no_sense("the number of free blocks");
  const uint32_t count = geometry_.entries;
  for (uint64_t steps = 0; steps < 2ULL * count + 2; ++steps) {
    if (has_entry() && once(shard_.free_blocks) >= blocks) return true;
    const uint32_t hand = (once(shard_.hand) % count + 1) % count;
    shard_.hand = hand;
    Entry& entry = entries_[hand];
    if (entry.state.load(std::memory_order_relaxed) == EntryState::free && has_entry()) continue;
    Head head;
    if (!copy_head(entry, head)) return no_sense("what an entry says");
    const bool gone = is_gone(head, now);
    if (!gone && entry.used.exchange(0, std::memory_order_relaxed) != 0) continue;
    Counters& counters = context_.counters;
    (gone ? counters.expired : counters.evictions).fetch_add(1, std::memory_order_relaxed);
    remove(hand);
    if (!makes_sense()) return false;
  }
  return no_sense("the number of what is free");
}

// Looks closely when there are fewer than are wanted, before anything has to go for want of them.
bool ShardView::is_number_of_free_blocks(uint32_t number, uint32_t wanted) const {
  if (number >= wanted) return number <= geometry_.blocks;
  uint32_t at = once(shard_.free_block);
  for (; number > 0 && at < geometry_.blocks; --number) at = once(blocks_[at].next);
  return number == 0 && at == kNone;
}

bool ShardView::fill(Entry& entry, std::string_view key, std::string_view value) {
  uint32_t* link = &entry.first_block;
  *link = kNone;
  Block* block = nullptr;
  uint32_t used = kBlockBytes;
  for (std::string_view text : {key, value}) {
    while (!text.empty()) {
      if (used == kBlockBytes) {
        const uint32_t at = once(shard_.free_block);
        if (at >= geometry_.blocks) return no_sense("the list of free blocks");
        block = &blocks_[at];
        *link = at;
        shard_.free_block = once(block->next);
        --shard_.free_blocks;
        block->next = kNone;
        link = &block->next;
        used = 0;
      }
      const size_t part = std::min<size_t>(text.size(), kBlockBytes - used);
      std::memcpy(block->bytes + used, text.data(), part);
      used += static_cast<uint32_t>(part);
      text.remove_prefix(part);
    }
  }
  return true;
}

bool ShardView::store(uint64_t hash, std::string_view key, std::string_view value, std::optional<int64_t> number,
                      int64_t expires, int64_t now) {
  const uint32_t blocks = blocks_for(key.size() + value.size());
  if (blocks > geometry_.blocks / 2) {
    context_.counters.refused.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  if (!make_room(blocks, now)) return false;
  const Change change(*this);
  const uint32_t index = once(shard_.free_entry);
  if (index >= geometry_.entries) return no_sense("the list of free entries");
  Entry& entry = entries_[index];
  if (entry.state.load(std::memory_order_relaxed) != EntryState::free) return no_sense("the list of free entries");
  shard_.free_entry = once(entry.next);
  entry.state.store(EntryState::writing, std::memory_order_release);
  if (!fill(entry, key, value)) return false;
  const Head head{once(entry.first_block),
                  static_cast<uint32_t>(key.size()),
                  static_cast<uint32_t>(value.size()),
                  number ? 1U : 0U,
                  ++shard_.last_sequence,
                  context_.header.epoch.load(std::memory_order_relaxed),
                  expires,
                  0};
  entry.hash = hash;
  entry.sequence = head.sequence;
  entry.epoch = head.epoch;
  entry.expires.store(expires, std::memory_order_relaxed);
  entry.expires_check = expires_check_of(expires);
  entry.key_size = head.key_size;
  entry.value_size = head.value_size;
  entry.number.store(number.value_or(0), std::memory_order_relaxed);
  entry.is_number = head.is_number;
  entry.used.store(0, std::memory_order_relaxed);
  entry.checksum = checksum_of(head, hash, value);
  entry.state.store(EntryState::live, std::memory_order_release);

  uint32_t old = once(bucket(hash));
  for (uint32_t steps = 0; old != kNone; ++steps) {
    if (old >= geometry_.entries || old == index || steps == geometry_.entries) return no_sense("a bucket");
    if (is_for(entries_[old], hash, key)) {
      if (!unlink(old) || !give_back(old)) return false;
      break;
    }
    if (!makes_sense()) return false;
    old = once(entries_[old].next);
  }
  entry.next = once(bucket(hash));
  bucket(hash) = index;
  return true;
}

// ---------------------------------------------------------------- looking inside

std::string ShardView::value_of(uint32_t index) const {
  const Entry& entry = entries_[index];
  Head head;
  std::string value;
  if (copy_head(entry, head)) {
    if (head.is_number != 0) return std::to_string(entry.number.load(std::memory_order_relaxed));
    value.resize(head.value_size);
    if (copy_value(head, value.data()) && checksum_of(head, once(entry.hash), value) == head.checksum) return value;
  }
  no_sense("what an entry says");
  return {};
}

std::pair<uint64_t, uint64_t> ShardView::items_and_bytes(int64_t now) const {
  uint64_t items = 0;
  for (uint32_t index = 0; index < geometry_.entries; ++index) {
    Head head;
    if (copy_head(entries_[index], head) && !is_gone(head, now)) ++items;
  }
  const uint32_t free = std::min(once(shard_.free_blocks), geometry_.blocks);
  return {items, uint64_t{geometry_.blocks - free} * sizeof(Block)};
}

}  // namespace cache
