// What happens with the lock of a ResponseStore: who leaves when room is needed, and how the lists are made anew after
// a death. The comment at the top of response_store.cpp says why that is enough.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "response_changes.hpp"
#include "response_store.hpp"

namespace cache {
namespace {

constexpr unsigned kSmallShare = 10;  // the small queue has a tenth of the blocks
// So often the owner of the lock says that it is still at work.
constexpr uint32_t kEntriesATime = 1024;

}  // namespace

bool ResponseStore::no_sense(const char* what) {
  if (nonsense_ == nullptr) nonsense_ = what;
  return false;
}

// Takes one response out. False: there is nothing that could go.
bool ResponseStore::evict_one(int64_t now, unsigned& evicted) {
  const Change change(header_);
  // Each use buys a response one more round, and it has a few at most.
  for (uint64_t rounds = 0; rounds <= uint64_t{geometry_.entries} * (kMostUses + 1); ++rounds) {
    const uint32_t oldest_small = once(header_.small.oldest);
    const uint32_t oldest_main = once(header_.main.oldest);
    if (oldest_small == kNobody && oldest_main == kNobody) return false;
    const bool small_is_large = header_.small.blocks * kSmallShare > geometry_.blocks;
    const bool from_small = oldest_small != kNobody && (small_is_large || oldest_main == kNobody);
    const uint32_t index = from_small ? oldest_small : oldest_main;
    if (index >= geometry_.entries) return no_sense("a queue");
    ResponseEntry& entry = entries_[index];
    const bool useless = !is_usable(entry, now);
    const uint32_t uses = std::min(entry.uses.load(std::memory_order_relaxed), kMostUses);
    if (!useless && uses > 0) {
      dequeue(index);
      entry.uses.store(from_small ? 0 : uses - 1, std::memory_order_relaxed);
      enqueue(index, Queue::main);
      if (nonsense_ != nullptr) return false;
      continue;
    }
    if (from_small && !useless) {
      ghosts_[entry.hash & (geometry_.ghosts - 1)].store(fingerprint(entry.hash), std::memory_order_relaxed);
    }
    (useless ? header_.expired : header_.evictions).fetch_add(1, std::memory_order_relaxed);
    evicted += useless ? 0 : 1;
    retire(index);
    return true;
  }
  return no_sense("a queue");
}

void ResponseStore::retire(uint32_t index) {
  if (entries_[index].state.load() != ResponseState::live) no_sense("the state of an entry");
  unlink(index);
  dequeue(index);
  entries_[index].state.store(ResponseState::retired);
  collect(index);
}

// Of a chain of so many blocks; kNobody: it is none.
uint32_t ResponseStore::last_of(uint32_t first, uint32_t count) const {
  if (count == 0 || count > geometry_.blocks) return kNobody;
  uint32_t last = first;
  for (uint32_t i = 1; i < count && last < geometry_.blocks; ++i) last = once(links_[last]);
  return last < geometry_.blocks ? last : kNobody;
}

// Frees a retired entry that nobody holds.
void ResponseStore::collect(uint32_t index) {
  ResponseEntry& entry = entries_[index];
  if (entry.state.load() != ResponseState::retired || is_pinned(index)) return;
  const uint32_t first = once(entry.first_block);
  const uint32_t blocks = once(entry.blocks);
  const uint32_t last = last_of(first, blocks);
  // In this order a kill in between leaves a free entry whose blocks belong to nobody, which the repair finds.
  entry.state.store(ResponseState::free);
  if (last == kNobody) {
    no_sense("the blocks of an entry");
    return;
  }
  links_[last] = header_.free_block;
  header_.free_block = first;
  header_.free_blocks += blocks;
  entry.next.store(header_.free_entry, std::memory_order_relaxed);
  header_.free_entry = index;
}

void ResponseStore::unlink(uint32_t index) {
  std::atomic<uint32_t>* link = &bucket(entries_[index].hash);
  for (uint32_t steps = 0; steps <= geometry_.entries; ++steps) {
    const uint32_t at = link->load();
    if (at >= geometry_.entries) break;
    if (at == index) {
      link->store(entries_[index].next.load());
      return;
    }
    link = &entries_[at].next;
  }
  no_sense("an entry that is in no bucket");
}

// That it is a list of what can be found.
void ResponseStore::check_bucket(uint64_t hash) {
  uint32_t at = bucket(hash).load();
  for (uint32_t steps = 0; at != kNobody; ++steps) {
    if (at >= geometry_.entries || steps == geometry_.entries || entries_[at].state.load() != ResponseState::live) {
      no_sense("a bucket");
      return;
    }
    at = entries_[at].next.load();
  }
}

void ResponseStore::enqueue(uint32_t index, Queue queue) {
  Fifo& list = fifo(queue);
  ResponseEntry& entry = entries_[index];
  const uint32_t newest = once(list.newest);
  entry.queue = queue;
  entry.newer = kNobody;
  entry.older = newest;
  if (newest != kNobody && newest >= geometry_.entries) {
    no_sense("a queue");
    return;
  }
  if (newest != kNobody) entries_[newest].newer = index;
  list.newest = index;
  if (list.oldest == kNobody) list.oldest = index;
  list.blocks += entry.blocks;
}

void ResponseStore::dequeue(uint32_t index) {
  ResponseEntry& entry = entries_[index];
  if (entry.queue == Queue::none) return;
  Fifo& list = fifo(entry.queue);
  const uint32_t newer = once(entry.newer);
  const uint32_t older = once(entry.older);
  const bool can_be = (newer == kNobody ? list.newest == index : newer < geometry_.entries) &&
                      (older == kNobody ? list.oldest == index : older < geometry_.entries);
  if (!can_be || list.blocks < entry.blocks) {
    no_sense("a queue");
    return;
  }
  (newer != kNobody ? entries_[newer].older : list.newest) = older;
  (older != kNobody ? entries_[older].newer : list.oldest) = newer;
  list.blocks -= entry.blocks;
  entry.queue = Queue::none;
}

// ---------------------------------------------------------------- after a death, or when it makes no sense

// Is the chain of blocks whole and nobody else's, and what can be found what it says?
bool ResponseStore::is_whole(const ResponseEntry& entry, const std::vector<bool>& taken) const {
  Extent extent;
  const ResponseState state = entry.state.load();
  uint32_t at = once(entry.first_block);
  const uint32_t blocks = once(entry.blocks);
  if (blocks == 0 || blocks > geometry_.blocks) return false;
  for (uint32_t i = 0; i < blocks; ++i, at = once(links_[at])) {
    if (at >= geometry_.blocks || taken[at]) return false;
  }
  switch (state) {
    case ResponseState::writing:
      return entry.writer < kMostGateways;
    case ResponseState::live:
      return extent_of(entry, extent) && hash(key_of(extent)) == entry.hash;
    case ResponseState::retired:
      return true;
    default:
      return false;
  }
}

// Believes nothing but entries that are whole.
void ResponseStore::repair() {
  nonsense_ = nullptr;
  const Change change(header_);
  std::vector<bool> taken(geometry_.blocks);
  for (uint32_t bucket = 0; bucket < geometry_.buckets; ++bucket) buckets_[bucket].store(kNobody);
  header_.small = header_.main = {kNobody, kNobody, 0};
  header_.free_entry = header_.free_block = kNobody;
  header_.free_blocks = 0;
  for (uint32_t index = 0; index < geometry_.entries; ++index) {
    ResponseEntry& entry = entries_[index];
    const Queue queue = entry.queue == Queue::main ? Queue::main : Queue::small;
    entry.queue = Queue::none;
    if (own_pins_) pin_of(gateway_, index).store(own_pins_[index]);
    if (!is_whole(entry, taken)) {
      entry.state.store(ResponseState::free);
      entry.next.store(header_.free_entry);
      header_.free_entry = index;
      continue;
    }
    uint32_t at = once(entry.first_block);
    for (uint32_t left = once(entry.blocks); left > 0 && at < geometry_.blocks; --left, at = once(links_[at])) {
      taken[at] = true;
    }
    if (entry.state.load() == ResponseState::live) {
      entry.next.store(bucket(entry.hash).load());
      bucket(entry.hash).store(index);
      enqueue(index, queue);
    }
    if (index % kEntriesATime == 0 && ASKR_HAS(&shm_, renew)) shm_.renew(&header_.lock);
  }
  for (uint32_t at = geometry_.blocks; at-- > 0;) {
    if (taken[at]) continue;
    links_[at] = header_.free_block;
    header_.free_block = at;
    ++header_.free_blocks;
  }
  for (uint32_t index = 0; index < geometry_.entries; ++index) collect(index);
}

void ResponseStore::mend() {
  const std::string found = nonsense_ != nullptr ? nonsense_ : "";
  repair();
  header_.mended.fetch_add(1, std::memory_order_relaxed);
  if (report_ == nullptr) return;
  uint32_t kept = 0;
  for (uint32_t index = 0; index < geometry_.entries; ++index) {
    if (entries_[index].state.load() == ResponseState::live) ++kept;
  }
  report_("the response cache made no sense (" + found + "), " + std::to_string(kept) +
          " pages were whole and are kept");
}

// ---------------------------------------------------------------- looking inside

ResponseStats ResponseStore::stats(int64_t now) const {
  ResponseStats stats;
  for (uint32_t index = 0; index < geometry_.entries; ++index) {
    const ResponseEntry& entry = entries_[index];
    const bool counts = entry.state.load() == ResponseState::live && entry.coding == 0 && is_usable(entry, now);
    if (counts && !is_to_be_forgotten(entry)) ++stats.responses;
  }
  stats.bytes = uint64_t{geometry_.blocks - std::min(once(header_.free_blocks), geometry_.blocks)} * kResponseBlock;
  stats.capacity = uint64_t{geometry_.blocks} * kResponseBlock;
  stats.stores = header_.stores.load();
  stats.evictions = header_.evictions.load();
  stats.expired = header_.expired.load();
  stats.recovered = header_.recovered.load();
  stats.mended = header_.mended.load();
  return stats;
}

// Somebody has said so, and no gateway has had a reason to listen yet.
bool ResponseStore::is_to_be_forgotten(const ResponseEntry& entry) const {
  Extent extent;
  if (messages_ == nullptr || !extent_of(entry, extent)) return false;
  if (messages_->has_all()) return true;
  const char* tags = block(extent.first_block) + extent.tags_at();
  for (uint32_t i = 0; i < extent.tag_count; ++i) {
    uint32_t tag = 0;
    std::memcpy(&tag, tags + i * sizeof tag, sizeof tag);
    if (messages_->has(tag)) return true;
  }
  return false;
}

std::string ResponseStore::check() const {
  std::vector<bool> taken(geometry_.blocks);
  const auto claim = [&](uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i, first = links_[first]) {
      if (first >= geometry_.blocks || taken[first]) return false;
      taken[first] = true;
    }
    return true;
  };
  uint32_t live = 0;
  uint32_t free = 0;
  for (uint32_t index = 0; index < geometry_.entries; ++index) {
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
  for (uint32_t bucket = 0; bucket < geometry_.buckets; ++bucket) {
    for (uint32_t at = buckets_[bucket].load(); at != kNobody; at = entries_[at].next.load()) {
      if (at >= geometry_.entries || ++linked > live) return "the buckets have more entries than are live";
    }
  }
  if (linked != live) return "a live entry is in no bucket";
  uint32_t queued = 0;
  for (const Fifo* list : {&header_.small, &header_.main}) {
    for (uint32_t at = list->oldest; at != kNobody; at = entries_[at].newer) {
      if (at >= geometry_.entries || ++queued > live) return "a queue has a circle";
    }
  }
  if (queued != live) return "a live entry is in no queue";
  uint32_t free_listed = 0;
  for (uint32_t at = header_.free_entry; at < geometry_.entries && free_listed <= free; at = entries_[at].next.load()) {
    ++free_listed;
  }
  return free_listed == free ? "" : "a free entry is lost";
}

}  // namespace cache
