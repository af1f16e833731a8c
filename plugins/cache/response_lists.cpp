// What happens with the lock of a ResponseStore: who leaves when room is needed, and how the lists are made anew after
// a death. The comment at the top of response_store.cpp says why that is enough.
#include <algorithm>
#include <string>
#include <vector>

#include "response_changes.hpp"
#include "response_store.hpp"

namespace cache {
namespace {

constexpr unsigned kSmallShare = 10;  // the small queue has a tenth of the blocks

}  // namespace

// Takes one response out, or gives one another chance. False: there is nothing that could go.
bool ResponseStore::evict_one(int64_t now, unsigned& evicted) {
  const Change change(header_);
  bool nothing_tried = true;
  while (header_.small.oldest != kNobody || header_.main.oldest != kNobody) {
    nothing_tried = false;
    const bool small_is_large = header_.small.blocks * kSmallShare > header_.blocks;
    const bool from_small = header_.small.oldest != kNobody && (small_is_large || header_.main.oldest == kNobody);
    const uint32_t index = from_small ? header_.small.oldest : header_.main.oldest;
    ResponseEntry& entry = entries_[index];
    const bool useless = !is_usable(entry, now);
    const uint32_t uses = entry.uses.load(std::memory_order_relaxed);
    if (!useless && uses > 0) {
      dequeue(index);
      entry.uses.store(from_small ? 0 : uses - 1, std::memory_order_relaxed);
      enqueue(index, Queue::main);
      continue;
    }
    if (from_small && !useless) {
      ghosts_[entry.hash & header_.ghost_mask].store(fingerprint(entry.hash), std::memory_order_relaxed);
    }
    (useless ? header_.expired : header_.evictions).fetch_add(1, std::memory_order_relaxed);
    evicted += useless ? 0 : 1;
    retire(index);
    return true;
  }
  return !nothing_tried;
}

void ResponseStore::retire(uint32_t index) {
  unlink(index);
  dequeue(index);
  entries_[index].state.store(ResponseState::retired);
  collect(index);
}

// Frees a retired entry that nobody holds.
void ResponseStore::collect(uint32_t index) {
  ResponseEntry& entry = entries_[index];
  if (entry.state.load() != ResponseState::retired || is_pinned(index)) return;
  uint32_t last = entry.first_block;
  for (uint32_t i = 1; i < entry.blocks; ++i) last = links_[last];
  // In this order a kill in between leaves a free entry whose blocks belong to nobody, which the repair finds.
  entry.state.store(ResponseState::free);
  links_[last] = header_.free_block;
  header_.free_block = entry.first_block;
  header_.free_blocks += entry.blocks;
  entry.next.store(header_.free_entry, std::memory_order_relaxed);
  header_.free_entry = index;
}

void ResponseStore::unlink(uint32_t index) {
  std::atomic<uint32_t>* at = &bucket(entries_[index].hash);
  while (at->load() != index && at->load() != kNobody) at = &entries_[at->load()].next;
  if (at->load() == index) at->store(entries_[index].next.load());
}

void ResponseStore::enqueue(uint32_t index, Queue queue) {
  Fifo& list = fifo(queue);
  ResponseEntry& entry = entries_[index];
  entry.queue = queue;
  entry.newer = kNobody;
  entry.older = list.newest;
  if (list.newest != kNobody) entries_[list.newest].newer = index;
  list.newest = index;
  if (list.oldest == kNobody) list.oldest = index;
  list.blocks += entry.blocks;
}

void ResponseStore::dequeue(uint32_t index) {
  ResponseEntry& entry = entries_[index];
  if (entry.queue == Queue::none) return;
  Fifo& list = fifo(entry.queue);
  (entry.newer != kNobody ? entries_[entry.newer].older : list.newest) = entry.older;
  (entry.older != kNobody ? entries_[entry.older].newer : list.oldest) = entry.newer;
  list.blocks -= entry.blocks;
  entry.queue = Queue::none;
}

// ---------------------------------------------------------------- after a death

// Believes nothing but the states of entries and chains that are whole.
void ResponseStore::repair() {
  const Change change(header_);
  std::vector<bool> taken(header_.blocks);
  const auto claim = [&](const ResponseEntry& entry) {
    std::vector<uint32_t> chain;
    uint32_t at = entry.first_block;
    for (uint32_t i = 0; i < entry.blocks; ++i, at = links_[at]) {
      if (at >= header_.blocks || taken[at] || i >= header_.blocks) return false;
      chain.push_back(at);
    }
    for (const uint32_t each : chain) taken[each] = true;
    return true;
  };
  for (uint32_t bucket = 0; bucket <= header_.bucket_mask; ++bucket) buckets_[bucket].store(kNobody);
  header_.small = header_.main = {kNobody, kNobody, 0};
  header_.free_entry = header_.free_block = kNobody;
  header_.free_blocks = 0;
  for (uint32_t index = 0; index < header_.entries; ++index) {
    ResponseEntry& entry = entries_[index];
    const Queue queue = entry.queue == Queue::main ? Queue::main : Queue::small;
    entry.queue = Queue::none;
    if (entry.state.load() != ResponseState::free && !claim(entry)) entry.state.store(ResponseState::free);
    if (entry.state.load() == ResponseState::live) {
      entry.next.store(bucket(entry.hash).load());
      bucket(entry.hash).store(index);
      enqueue(index, queue);
    } else if (entry.state.load() == ResponseState::free) {
      entry.next.store(header_.free_entry);
      header_.free_entry = index;
    }
  }
  for (uint32_t at = header_.blocks; at-- > 0;) {
    if (taken[at]) continue;
    links_[at] = header_.free_block;
    header_.free_block = at;
    ++header_.free_blocks;
  }
  for (uint32_t index = 0; index < header_.entries; ++index) collect(index);
}

// ---------------------------------------------------------------- looking inside

ResponseStats ResponseStore::stats(int64_t now) const {
  ResponseStats stats;
  for (uint32_t index = 0; index < header_.entries; ++index) {
    const ResponseEntry& entry = entries_[index];
    if (entry.state.load() == ResponseState::live && entry.coding == 0 && is_usable(entry, now)) ++stats.responses;
  }
  stats.bytes = uint64_t{header_.blocks - header_.free_blocks} * kResponseBlock;
  stats.capacity = uint64_t{header_.blocks} * kResponseBlock;
  stats.stores = header_.stores.load();
  stats.evictions = header_.evictions.load();
  stats.expired = header_.expired.load();
  stats.recovered = header_.recovered.load();
  return stats;
}

std::string ResponseStore::check() const {
  std::vector<bool> taken(header_.blocks);
  const auto claim = [&](uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i, first = links_[first]) {
      if (first >= header_.blocks || taken[first]) return false;
      taken[first] = true;
    }
    return true;
  };
  uint32_t live = 0;
  uint32_t free = 0;
  for (uint32_t index = 0; index < header_.entries; ++index) {
    const ResponseEntry& entry = entries_[index];
    const ResponseState state = entry.state.load();
    free += state == ResponseState::free ? 1 : 0;
    live += state == ResponseState::live ? 1 : 0;
    if (state != ResponseState::free && !claim(entry.first_block, entry.blocks)) return "a chain of blocks is broken";
    if (state == ResponseState::retired && !is_pinned(index)) return "a retired entry was not freed";
    if (state == ResponseState::writing) return "an entry is half written";
  }
  if (!claim(header_.free_block, header_.free_blocks)) return "the free blocks are not a chain of their number";
  if (std::count(taken.begin(), taken.end(), false) != 0) return "a block is lost";
  uint32_t linked = 0;
  for (uint32_t bucket = 0; bucket <= header_.bucket_mask; ++bucket) {
    for (uint32_t at = buckets_[bucket].load(); at != kNobody; at = entries_[at].next.load()) {
      if (++linked > live) return "the buckets have more entries than are live";
    }
  }
  if (linked != live) return "a live entry is in no bucket";
  uint32_t queued = 0;
  for (const Fifo* list : {&header_.small, &header_.main}) {
    for (uint32_t at = list->oldest; at != kNobody; at = entries_[at].newer) {
      if (++queued > live) return "a queue has a circle";
    }
  }
  if (queued != live) return "a live entry is in no queue";
  uint32_t free_listed = 0;
  for (uint32_t at = header_.free_entry; at != kNobody && free_listed <= free; at = entries_[at].next.load()) {
    ++free_listed;
  }
  return free_listed == free ? "" : "a free entry is lost";
}

}  // namespace cache
