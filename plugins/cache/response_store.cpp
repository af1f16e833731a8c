// Why readers need no lock, and a kill -9 at any instruction harms nothing.
//
// A reader that has found an entry says so in its gateway's row of pins, and only then looks whether the entry is still
// live and is what it wanted: from there on the bytes cannot be given to anybody else. Who takes an entry out says
// `retired` first and looks at the pins afterwards. Both with a full barrier in between, so at least one of the two
// sees the other. Whoever lets go of a retired entry last gives its blocks back. Pins of a gateway that died are
// cleared by its successor, which has the same number.
//
// Buckets, queues and free lists change under one lock, between two increments of `changes`; a walk that found nothing
// while they changed is repeated, and after some tries made with the lock. Bodies are copied outside of the lock, into
// an entry in state `writing` that nobody can find. When the holder of the lock is killed, the next one rebuilds all
// lists from the states of the entries: blocks that belong to no entry are free.
#include "response_store.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "response_changes.hpp"

namespace cache {
namespace {

constexpr unsigned kTries = 4;
constexpr uint32_t kLongestWalk = 1024;
constexpr uint32_t kEntriesPerSlot = 3;  // plain, gzip, brotli
constexpr uint32_t kMostUses = 3;

struct Layout {
  uint32_t entries, blocks, buckets, ghosts;
  uint64_t bucket_at, entry_at, ghost_at, pin_at, link_at, block_at, end;
};

uint64_t aligned(uint64_t at, uint64_t to) {
  return (at + to - 1) / to * to;
}

Layout layout_of(uint32_t entries, uint32_t blocks) {
  Layout layout{};
  layout.entries = entries;
  layout.blocks = blocks;
  layout.buckets = std::bit_ceil(entries);
  layout.ghosts = std::bit_ceil(entries);
  layout.bucket_at = aligned(sizeof(ResponseHeader), 64);
  layout.entry_at = aligned(layout.bucket_at + layout.buckets * sizeof(uint32_t), alignof(ResponseEntry));
  layout.ghost_at = layout.entry_at + layout.entries * sizeof(ResponseEntry);
  layout.pin_at = aligned(layout.ghost_at + layout.ghosts * sizeof(uint32_t), 64);
  layout.link_at = layout.pin_at + uint64_t{kMostGateways} * layout.entries * sizeof(uint32_t);
  layout.block_at = aligned(layout.link_at + layout.blocks * sizeof(uint32_t), 4096);
  layout.end = layout.block_at + uint64_t{layout.blocks} * kResponseBlock;
  return layout;
}

Layout layout_for(uint64_t slots) {
  const auto entries = static_cast<uint32_t>(std::max<uint64_t>(slots * kEntriesPerSlot, 16));
  const auto blocks = static_cast<uint32_t>(std::max<uint64_t>(slots * kBytesPerResponse / kResponseBlock, 16));
  return layout_of(entries, blocks);
}

uint64_t meta_size(const NewResponse& response) {
  return response.key.size() + response.vary.size() + response.tags.size() * sizeof(uint32_t) + response.head.size();
}

uint32_t blocks_for(const NewResponse& response) {
  return static_cast<uint32_t>((meta_size(response) + response.body.size() + kResponseBlock - 1) / kResponseBlock);
}

}  // namespace

// ---------------------------------------------------------------- making

uint64_t ResponseStore::bytes(uint64_t slots) {
  return layout_for(slots).end;
}

void ResponseStore::format(void* region, uint64_t slots, const askr_shm& shm, uint64_t seed) {
  auto& header = *static_cast<ResponseHeader*>(region);
  const Layout layout = layout_for(slots);
  header.entries = layout.entries;
  header.blocks = layout.blocks;
  header.bucket_mask = layout.buckets - 1;
  header.ghost_mask = layout.ghosts - 1;
  header.seed = seed;
  ResponseStore(region, shm, kNobody).repair();  // without live entries: all is free
}

ResponseStore::ResponseStore(void* region, const askr_shm& shm, uint32_t gateway)
    : header_(*static_cast<ResponseHeader*>(region)), shm_(shm), gateway_(gateway) {
  auto* base = static_cast<char*>(region);
  const Layout layout = layout_of(header_.entries, header_.blocks);
  buckets_ = reinterpret_cast<std::atomic<uint32_t>*>(base + layout.bucket_at);
  entries_ = reinterpret_cast<ResponseEntry*>(base + layout.entry_at);
  ghosts_ = reinterpret_cast<std::atomic<uint32_t>*>(base + layout.ghost_at);
  pins_ = reinterpret_cast<std::atomic<uint32_t>*>(base + layout.pin_at);
  links_ = reinterpret_cast<uint32_t*>(base + layout.link_at);
  blocks_ = base + layout.block_at;
  if (gateway_ < kMostGateways) {
    holds_ = std::make_unique<Hold[]>(header_.entries);
    for (uint32_t index = 0; index < header_.entries; ++index) holds_[index] = {this, index};
  }
}

void ResponseStore::take_over(uint32_t gateways) {
  header_.gateways.store(gateways);
  const Locked locked(*this);
  const Change change(header_);
  for (uint32_t index = 0; index < header_.entries; ++index) {
    pin_of(gateway_, index).store(0);
    ResponseEntry& entry = entries_[index];
    const ResponseState state = entry.state.load();
    if (state == ResponseState::writing && entry.writer == gateway_) entry.state.store(ResponseState::retired);
    if (entry.state.load() == ResponseState::retired) collect(index);
  }
}

uint64_t ResponseStore::hash(std::string_view key) const {
  const uint64_t hash = mix(hash_of(key) ^ header_.seed, 0x9e3779b97f4a7c15ULL ^ key.size());
  return hash == 0 ? 1 : hash;
}

// ---------------------------------------------------------------- holding

void ResponseStore::pin(uint32_t index) {
  std::atomic<uint32_t>& mine = pin_of(gateway_, index);
  mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // only this process writes here
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void ResponseStore::unpin(uint32_t index) {
  std::atomic<uint32_t>& mine = pin_of(gateway_, index);
  const uint32_t left = mine.load(std::memory_order_relaxed) - 1;
  mine.store(left, std::memory_order_release);
  if (left > 0) return;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (entries_[index].state.load(std::memory_order_relaxed) != ResponseState::retired) return;
  const Locked locked(*this);
  collect(index);
}

bool ResponseStore::is_pinned(uint32_t index) const {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const uint32_t gateways = std::min(header_.gateways.load(std::memory_order_relaxed), kMostGateways);
  for (uint32_t gateway = 0; gateway < gateways; ++gateway) {
    if (pin_of(gateway, index).load(std::memory_order_acquire) > 0) return true;
  }
  return false;
}

FoundResponse::~FoundResponse() {
  if (store_ != nullptr) store_->unpin(index_);
}

void* FoundResponse::hold() const {
  store_->pin(index_);
  return &store_->holds_[index_];
}

void ResponseStore::release_held(void* held) {
  const Hold& hold = *static_cast<Hold*>(held);
  hold.store->unpin(hold.index);
}

ResponseEntry& FoundResponse::entry() const {
  return store_->entries_[index_];
}

std::string_view FoundResponse::vary() const {
  return store_->vary_of(entry());
}

std::vector<uint32_t> FoundResponse::tags() const {
  const ResponseEntry& response = entry();
  std::vector<uint32_t> tags(response.tag_count);
  const char* from = store_->block(response.first_block) + response.key_size + response.vary_size;
  if (!tags.empty()) std::memcpy(tags.data(), from, tags.size() * sizeof(uint32_t));
  return tags;
}

std::string FoundResponse::body() const {
  std::string body;
  body.reserve(entry().body_size);
  for_each_piece([&body](std::string_view piece) { body.append(piece); });
  return body;
}

std::string_view FoundResponse::head() const {
  const ResponseEntry& response = entry();
  return {store_->block(response.first_block) + response.key_size + response.vary_size +
              response.tag_count * sizeof(uint32_t),
          response.head_size};
}

// ---------------------------------------------------------------- finding

// Workers can write to this memory as well: no number in it leads out of it.
bool ResponseStore::is_sound(const ResponseEntry& entry) const {
  const uint64_t meta = uint64_t{entry.key_size} + entry.vary_size + uint64_t{entry.tag_count} * 4 + entry.head_size;
  return meta <= kResponseBlock && entry.first_block < header_.blocks &&
         meta + entry.body_size <= uint64_t{entry.blocks} * kResponseBlock && entry.blocks <= header_.blocks;
}

bool ResponseStore::is_dead(const ResponseEntry& entry) const {
  if (header_.tags.is_flushed(entry.born)) return true;
  if (header_.writes.is_written_since(entry.address, entry.began)) return true;
  const char* tags = block(entry.first_block) + entry.key_size + entry.vary_size;
  for (uint32_t i = 0; i < entry.tag_count; ++i) {
    uint32_t tag = 0;
    std::memcpy(&tag, tags + i * sizeof tag, sizeof tag);
    if (header_.tags.is_forgotten(tag, entry.born)) return true;
  }
  return false;
}

bool ResponseStore::is_usable(const ResponseEntry& entry, int64_t now) const {
  return is_known(entry) && now < std::max({entry.fresh_until, entry.stale_until, entry.error_until});
}

// The pinned entry, or kNobody.
uint32_t ResponseStore::search(uint64_t hash, std::string_view key, uint32_t coding, const VaryTest& test) {
  uint32_t plain = kNobody;
  uint32_t index = bucket(hash).load(std::memory_order_acquire);
  for (uint32_t steps = 0; index < header_.entries && steps < kLongestWalk; ++steps) {
    const ResponseEntry& entry = entries_[index];
    const bool wanted = entry.hash == hash && (entry.coding == coding || (entry.coding == 0 && plain == kNobody));
    if (wanted) {
      pin(index);
      const bool good = entry.state.load(std::memory_order_acquire) == ResponseState::live && entry.hash == hash &&
                        is_known(entry) && key_of(entry) == key &&
                        (entry.vary_size == 0 || test.matches(test.context, vary_of(entry)));
      if (good && entry.coding == coding) {
        if (plain != kNobody) unpin(plain);
        return index;
      }
      if (good && entry.coding == 0) {
        plain = index;
      } else {
        unpin(index);
      }
    }
    index = entry.next.load(std::memory_order_acquire);
  }
  return plain;
}

FoundResponse ResponseStore::find(uint64_t hash, std::string_view key, uint32_t coding, const VaryTest& test) {
  uint32_t found = kNobody;
  bool settled = false;
  for (unsigned tries = 0; !settled && tries < kTries; ++tries) {
    const uint32_t before = header_.changes.load(std::memory_order_acquire);
    found = search(hash, key, coding, test);
    std::atomic_thread_fence(std::memory_order_acquire);
    settled = found != kNobody || (before % 2 == 0 && header_.changes.load(std::memory_order_relaxed) == before);
  }
  if (!settled) {
    {
      const Locked locked(*this);
    }  // whoever was at it is done, or its half-done work is mended
    found = search(hash, key, coding, test);
  }
  if (found == kNobody) return {};
  ResponseEntry& entry = entries_[found];
  const uint32_t uses = entry.uses.load(std::memory_order_relaxed);
  if (uses < kMostUses) entry.uses.store(uses + 1, std::memory_order_relaxed);
  return {*this, found};
}

// ---------------------------------------------------------------- storing

Stored ResponseStore::store(uint64_t hash, const NewResponse& response, int64_t now, unsigned& evicted) {
  const uint32_t blocks = blocks_for(response);
  if (meta_size(response) > kResponseBlock || blocks > header_.blocks / 4) return Stored::too_large;
  uint32_t index = kNobody;
  {
    const Locked locked(*this);
    index = reserve(blocks, hash, now, evicted);
  }
  if (index == kNobody) return Stored::no_room;

  const ResponseEntry& entry = entries_[index];
  uint32_t at = entry.first_block;
  uint64_t used = 0;
  const std::string_view tags(reinterpret_cast<const char*>(response.tags.data()),
                              response.tags.size() * sizeof(uint32_t));
  for (std::string_view text : {response.key, response.vary, tags, response.head, response.body}) {
    while (!text.empty()) {
      if (used == kResponseBlock) {
        at = links_[at];
        used = 0;
      }
      const size_t part = std::min<size_t>(text.size(), kResponseBlock - used);
      std::memcpy(block(at) + used, text.data(), part);
      used += part;
      text.remove_prefix(part);
    }
  }

  const Locked locked(*this);
  if (!publish(index, hash, response)) return Stored::dead;
  header_.stores.fetch_add(1, std::memory_order_relaxed);
  return Stored::yes;
}

// An entry in state `writing` with a chain of so many blocks.
uint32_t ResponseStore::reserve(uint32_t blocks, uint64_t hash, int64_t now, unsigned& evicted) {
  while (header_.free_entry == kNobody || header_.free_blocks < blocks) {
    if (!evict_one(now, evicted)) return kNobody;
  }
  const Change change(header_);
  const uint32_t index = header_.free_entry;
  ResponseEntry& entry = entries_[index];
  header_.free_entry = entry.next.load(std::memory_order_relaxed);
  const uint32_t first = header_.free_block;
  uint32_t last = first;
  for (uint32_t i = 1; i < blocks; ++i) last = links_[last];
  header_.free_block = std::exchange(links_[last], kNobody);
  header_.free_blocks -= blocks;
  entry.first_block = first;
  entry.blocks = blocks;
  entry.hash = hash;
  entry.next.store(kNobody, std::memory_order_relaxed);
  entry.queue = Queue::none;
  entry.writer = gateway_;
  entry.state.store(ResponseState::writing, std::memory_order_release);
  return index;
}

// False: it is dead already, and its entry is free again.
bool ResponseStore::publish(uint32_t index, uint64_t hash, const NewResponse& response) {
  const Change change(header_);
  ResponseEntry& entry = entries_[index];
  entry.born = response.born;
  entry.began = response.began;
  entry.address = WriteClock::index_of(response.key.substr(0, response.key.find('\n')));
  entry.stored = response.stored;
  entry.fresh_until = response.fresh_until;
  entry.stale_until = response.stale_until;
  entry.error_until = response.error_until;
  entry.refresh_until.store(0, std::memory_order_relaxed);
  entry.failed_until.store(0, std::memory_order_relaxed);
  entry.uses.store(0, std::memory_order_relaxed);
  entry.coding = response.coding;
  entry.flags.store(response.flags, std::memory_order_relaxed);
  entry.key_size = static_cast<uint32_t>(response.key.size());
  entry.vary_size = static_cast<uint32_t>(response.vary.size());
  entry.tag_count = static_cast<uint32_t>(response.tags.size());
  entry.head_size = static_cast<uint32_t>(response.head.size());
  entry.body_size = response.body.size();
  entry.version = response.version != 0 ? response.version : ++header_.last_version;

  bool wanted = !is_dead(entry);
  if (wanted && response.version != 0) {  // another coding of a response that may have been replaced meanwhile
    wanted = false;
    for (uint32_t at = bucket(hash).load(); at != kNobody && !wanted; at = entries_[at].next.load()) {
      wanted = entries_[at].version == response.version && entries_[at].hash == hash && entries_[at].coding == 0;
    }
  }
  if (!wanted) {
    entry.state.store(ResponseState::retired);
    collect(index);
    return false;
  }
  remove_twins(hash, response);
  std::atomic<uint32_t>& ghost = ghosts_[hash & header_.ghost_mask];
  const bool came_back = ghost.load(std::memory_order_relaxed) == fingerprint(hash);
  if (came_back) ghost.store(0, std::memory_order_relaxed);
  enqueue(index, came_back ? Queue::main : Queue::small);
  entry.next.store(bucket(hash).load(std::memory_order_relaxed), std::memory_order_relaxed);
  entry.state.store(ResponseState::live, std::memory_order_release);
  bucket(hash).store(index, std::memory_order_release);
  return true;
}

// A new response takes the place of all codings of the old one, another coding that of its like.
void ResponseStore::remove_twins(uint64_t hash, const NewResponse& response) {
  uint32_t at = bucket(hash).load();
  while (at != kNobody) {
    const ResponseEntry& entry = entries_[at];
    const uint32_t next = entry.next.load();
    const bool same = entry.hash == hash && key_of(entry) == response.key && vary_of(entry) == response.vary;
    if (same && (response.version == 0 || entry.coding == response.coding)) retire(at);
    at = next;
  }
}

void ResponseStore::forget(uint64_t hash, std::string_view key) {
  uint32_t at = bucket(hash).load(std::memory_order_acquire);
  if (at == kNobody) return;
  const Locked locked(*this);
  const Change change(header_);
  at = bucket(hash).load();
  while (at != kNobody) {
    const uint32_t next = entries_[at].next.load();
    if (entries_[at].hash == hash && key_of(entries_[at]) == key) retire(at);
    at = next;
  }
}

}  // namespace cache
