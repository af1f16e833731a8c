// How the lists of a shard are made anew: after a writer was killed, and when what is there makes no sense.
//
// Nothing is believed but entries that are whole: in state `live`, with sizes that can be, a chain of blocks that are
// nobody else's, a key that has their hash, and the checksum over all of it. The rest is free from then on.
#include <algorithm>
#include <string>

#include "kv_changes.hpp"

namespace cache {
namespace {

// So often the owner of the lock says that it is still at work; an entry takes less than a millisecond.
constexpr uint32_t kEntriesATime = 32;

}  // namespace

// Fills in `text` with key and value.
bool ShardView::is_whole(const Head& head, uint64_t hash, const Claims* claims, std::string& text) const {
  text.resize(size_t{head.key_size} + head.value_size);
  uint32_t at = head.first_block;
  for (size_t done = 0; done < text.size(); done += kBlockBytes) {
    if (at >= geometry_.blocks || (claims != nullptr && (*claims)[at])) return false;
    const size_t part = std::min<size_t>(kBlockBytes, text.size() - done);
    std::copy_n(blocks_[at].bytes, part, text.data() + done);
    at = once(blocks_[at].next);
  }
  const std::string_view whole = text;
  return hash_of(whole.substr(0, head.key_size)) == hash &&
         checksum_of(head, hash, whole.substr(head.key_size)) == head.checksum;
}

void ShardView::claim(const Head& head, Claims& claims, bool whether) const {
  uint32_t at = head.first_block;
  for (uint32_t left = blocks_for(size_t{head.key_size} + head.value_size); left > 0 && at < geometry_.blocks; --left) {
    claims[at] = whether;
    at = once(blocks_[at].next);
  }
}

// Puts an entry into its bucket if it is whole; of two with one key, which a kill can leave, the newer one stays.
bool ShardView::link_whole(uint32_t index, Claims& claims) {
  Entry& entry = entries_[index];
  const uint64_t hash = once(entry.hash);
  Head head;
  std::string text;
  if (!copy_head(entry, head) || !is_whole(head, hash, &claims, text)) return false;
  const std::string_view key = std::string_view(text).substr(0, head.key_size);
  uint32_t twin = once(bucket(hash));
  for (uint32_t steps = 0; twin < geometry_.entries && steps < geometry_.entries; ++steps) {
    Head other;
    if (once(entries_[twin].hash) == hash && has_key(entries_[twin], key) && copy_head(entries_[twin], other)) {
      if (other.sequence > head.sequence || !unlink(twin)) return false;
      entries_[twin].state.store(EntryState::free, std::memory_order_relaxed);
      claim(other, claims, false);
      break;
    }
    twin = once(entries_[twin].next);
  }
  claim(head, claims, true);
  shard_.last_sequence = std::max(once(shard_.last_sequence), head.sequence);
  entry.next = once(bucket(hash));
  bucket(hash) = index;
  return true;
}

uint32_t ShardView::mend(Keep keep) {
  nonsense_ = nullptr;
  const Change change(*this);
  const askr_shm& shm = context_.shm;
  Claims claims(geometry_.blocks);
  std::fill_n(buckets_, geometry_.buckets, kNone);
  shard_.last_sequence = 0;
  for (uint32_t index = 0; index < geometry_.entries; ++index) {
    const bool stays = keep == Keep::whole_entries && link_whole(index, claims);
    if (!stays) entries_[index].state.store(EntryState::free, std::memory_order_relaxed);
    if (index % kEntriesATime == 0 && ASKR_HAS(&shm, renew)) shm.renew(&shard_.lock);
  }
  uint32_t kept = 0;
  shard_.free_entry = shard_.free_block = kNone;
  for (uint32_t index = geometry_.entries; index-- > 0;) {
    Entry& entry = entries_[index];
    if (entry.state.load(std::memory_order_relaxed) == EntryState::live) {
      ++kept;
      continue;
    }
    entry.next = shard_.free_entry;
    shard_.free_entry = index;
  }
  shard_.free_blocks = 0;
  for (uint32_t at = geometry_.blocks; at-- > 0;) {
    if (claims[at]) continue;
    blocks_[at].next = shard_.free_block;
    shard_.free_block = at;
    ++shard_.free_blocks;
  }
  return kept;
}

std::string ShardView::check() const {
  Claims claims(geometry_.blocks);
  std::string text;
  uint32_t live = 0;
  for (uint32_t index = 0; index < geometry_.entries; ++index) {
    const Entry& entry = entries_[index];
    const EntryState state = entry.state.load();
    if (state == EntryState::writing) return "an entry is half written";
    if (state == EntryState::free) continue;
    ++live;
    Head head;
    if (!copy_head(entry, head) || !is_whole(head, entry.hash, &claims, text)) return "a live entry is not whole";
    claim(head, claims, true);
  }
  uint32_t linked = 0;
  for (uint32_t at = 0; at < geometry_.buckets; ++at) {
    for (uint32_t index = buckets_[at]; index != kNone; index = entries_[index].next) {
      if (index >= geometry_.entries || ++linked > live) return "the buckets have more entries than are live";
    }
  }
  if (linked != live) return "a live entry is in no bucket";
  uint32_t free = 0;
  for (uint32_t at = shard_.free_block; at != kNone; at = blocks_[at].next) {
    if (at >= geometry_.blocks || claims[at]) return "a free block is used, or free twice";
    claims[at] = true;
    ++free;
  }
  if (free != shard_.free_blocks) return "the number of free blocks is wrong";
  if (std::count(claims.begin(), claims.end(), false) != 0) return "a block is lost";
  uint32_t free_entries = 0;
  for (uint32_t index = shard_.free_entry; index != kNone; index = entries_[index].next) {
    if (index >= geometry_.entries || ++free_entries > geometry_.entries) return "the free entries are not a list";
  }
  return free_entries + live == geometry_.entries ? "" : "an entry is lost";
}

}  // namespace cache
