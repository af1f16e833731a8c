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
constexpr int64_t kRepairPause = 1'000'000'000;

uint64_t aligned(uint64_t at, uint64_t to) {
  return (at + to - 1) / to * to;
}

uint64_t meta_size(const NewResponse& response) {
  return response.key.size() + response.vary.size() + response.tags.size() * sizeof(uint32_t) + response.head.size();
}

uint32_t blocks_for(const NewResponse& response) {
  return static_cast<uint32_t>((meta_size(response) + response.body.size() + kResponseBlock - 1) / kResponseBlock);
}

}  // namespace

// ---------------------------------------------------------------- making

ResponseGeometry ResponseGeometry::of(uint64_t slots) {
  ResponseGeometry geometry{};
  geometry.entries = static_cast<uint32_t>(std::max<uint64_t>(slots * kEntriesPerSlot, 16));
  geometry.blocks = static_cast<uint32_t>(std::max<uint64_t>(slots * kBytesPerResponse / kResponseBlock, 16));
  geometry.buckets = std::bit_ceil(geometry.entries);
  geometry.ghosts = std::bit_ceil(geometry.entries);
  geometry.bucket_at = aligned(sizeof(ResponseHeader), 64);
  geometry.entry_at = aligned(geometry.bucket_at + geometry.buckets * sizeof(uint32_t), alignof(ResponseEntry));
  geometry.ghost_at = geometry.entry_at + geometry.entries * sizeof(ResponseEntry);
  geometry.pin_at = aligned(geometry.ghost_at + geometry.ghosts * sizeof(uint32_t), 64);
  geometry.link_at = geometry.pin_at + uint64_t{kMostGateways} * geometry.entries * sizeof(uint32_t);
  geometry.block_at = aligned(geometry.link_at + geometry.blocks * sizeof(uint32_t), 4096);
  geometry.end = geometry.block_at + uint64_t{geometry.blocks} * kResponseBlock;
  return geometry;
}

uint64_t ResponseStore::bytes(uint64_t slots) {
  return ResponseGeometry::of(slots).end;
}

void ResponseStore::format(void* region, uint64_t slots, const askr_shm& shm, uint64_t seed) {
  static_cast<ResponseHeader*>(region)->seed = seed;
  ResponseStore(region, slots, shm, kNobody).repair();  // without live entries: all is free
}

ResponseStore::ResponseStore(void* region, uint64_t slots, const askr_shm& shm, uint32_t gateway, Messages* messages,
                             void (*report)(const std::string& line))
    : header_(*static_cast<ResponseHeader*>(region)),
      geometry_(ResponseGeometry::of(slots)),
      shm_(shm),
      gateway_(gateway),
      messages_(messages),
      report_(report) {
  auto* base = static_cast<char*>(region);
  buckets_ = reinterpret_cast<std::atomic<uint32_t>*>(base + geometry_.bucket_at);
  entries_ = reinterpret_cast<ResponseEntry*>(base + geometry_.entry_at);
  ghosts_ = reinterpret_cast<std::atomic<uint32_t>*>(base + geometry_.ghost_at);
  pins_ = reinterpret_cast<std::atomic<uint32_t>*>(base + geometry_.pin_at);
  links_ = reinterpret_cast<uint32_t*>(base + geometry_.link_at);
  blocks_ = base + geometry_.block_at;
  if (gateway_ < kMostGateways) {
    own_pins_ = std::make_unique<uint32_t[]>(geometry_.entries);
    holds_ = std::make_unique<Hold[]>(geometry_.entries);
    for (uint32_t index = 0; index < geometry_.entries; ++index) holds_[index] = {this, index};
  }
}

void ResponseStore::take_over(uint32_t gateways) {
  gateways_ = std::min(gateways, kMostGateways);
  const Locked locked(*this);
  const Change change(header_);
  for (uint32_t index = 0; index < geometry_.entries; ++index) {
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
  pin_of(gateway_, index).store(++own_pins_[index], std::memory_order_relaxed);  // only this process writes here
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void ResponseStore::unpin(uint32_t index) {
  const uint32_t left = --own_pins_[index];
  pin_of(gateway_, index).store(left, std::memory_order_release);
  if (left > 0) return;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (entries_[index].state.load(std::memory_order_relaxed) != ResponseState::retired) return;
  const Locked locked(*this);
  collect(index);
}

bool ResponseStore::is_pinned(uint32_t index) const {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (uint32_t gateway = 0; gateway < gateways_; ++gateway) {
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

std::string_view FoundResponse::key() const {
  return store_->key_of(extent_);
}

std::string_view FoundResponse::vary() const {
  return store_->vary_of(extent_);
}

std::vector<uint32_t> FoundResponse::tags() const {
  std::vector<uint32_t> tags(extent_.tag_count);
  const char* from = store_->block(extent_.first_block) + extent_.tags_at();
  if (!tags.empty()) std::memcpy(tags.data(), from, tags.size() * sizeof(uint32_t));
  return tags;
}

std::string FoundResponse::body() const {
  std::string body;
  body.reserve(extent_.body_size);
  for_each_piece([&body](std::string_view piece) { body.append(piece); });
  return body;
}

std::string_view FoundResponse::head() const {
  return {store_->block(extent_.first_block) + extent_.head_at(), extent_.head_size};
}

// ---------------------------------------------------------------- finding

// From here on no number of the entry is looked at again, whoever changes it.
bool ResponseStore::extent_of(const ResponseEntry& entry, Extent& extent) const {
  extent = {once(entry.first_block), once(entry.blocks),    once(entry.key_size), once(entry.vary_size),
            once(entry.tag_count),   once(entry.head_size), once(entry.body_size)};
  const uint64_t room = uint64_t{extent.blocks} * kResponseBlock;
  return extent.body_at() <= kResponseBlock && extent.first_block < geometry_.blocks &&
         extent.blocks <= geometry_.blocks && extent.body_at() <= room && extent.body_size <= room - extent.body_at();
}

bool ResponseStore::is_dead(const ResponseEntry& entry, const Extent& extent) const {
  if (header_.tags.is_flushed(entry.born)) return true;
  if (header_.writes.is_written_since(entry.address, entry.began)) return true;
  const char* tags = block(extent.first_block) + extent.tags_at();
  for (uint32_t i = 0; i < extent.tag_count; ++i) {
    uint32_t tag = 0;
    std::memcpy(&tag, tags + i * sizeof tag, sizeof tag);
    if (header_.tags.is_forgotten(tag, entry.born)) return true;
  }
  return false;
}

bool ResponseStore::is_usable(const ResponseEntry& entry, int64_t now) const {
  Extent extent;
  return extent_of(entry, extent) && !is_dead(entry, extent) &&
         now < std::max({entry.fresh_until, entry.stale_until, entry.error_until});
}

// Under a lock, so that who comes second does not go on before the first one is done.
void ResponseStore::hear_news() {
  const bool is_recovered = shm_.lock(&header_.news) == ASKR_LOCK_RECOVERED;
  const uint64_t count = messages_->count();
  if (is_recovered) header_.tags.flush();  // what the dead one had taken nobody knows
  messages_->take(header_.tags);
  header_.heard.store(count, std::memory_order_release);
  shm_.unlock(&header_.news);
}

FoundResponse ResponseStore::search(uint64_t hash, std::string_view key, uint32_t coding, const VaryTest& test,
                                    bool& has_ended) {
  FoundResponse plain;
  uint32_t index = bucket(hash).load(std::memory_order_acquire);
  for (uint32_t steps = 0; index < geometry_.entries && steps < kLongestWalk; ++steps) {
    const ResponseEntry& entry = entries_[index];
    if (entry.hash == hash && (entry.coding == coding || (entry.coding == 0 && !plain))) {
      pin(index);
      Extent extent{};
      const bool good = entry.state.load(std::memory_order_acquire) == ResponseState::live && entry.hash == hash &&
                        extent_of(entry, extent) && !is_dead(entry, extent) && key_of(extent) == key &&
                        (extent.vary_size == 0 || test.matches(test.context, vary_of(extent)));
      FoundResponse found(*this, index, extent);  // lets go of it if it is not wanted
      const uint32_t its_coding = once(entry.coding);
      if (good && its_coding == coding) return found;
      if (good && its_coding == 0) plain = std::move(found);
    }
    index = entry.next.load(std::memory_order_acquire);
  }
  has_ended = index == kNobody;
  return plain;
}

FoundResponse ResponseStore::find(uint64_t hash, std::string_view key, uint32_t coding, const VaryTest& test) {
  hear();
  FoundResponse found;
  bool settled = false;
  for (unsigned tries = 0; !settled && tries < kTries; ++tries) {
    const uint32_t before = header_.changes.load(std::memory_order_acquire);
    bool has_ended = false;
    found = search(hash, key, coding, test, has_ended);
    std::atomic_thread_fence(std::memory_order_acquire);
    settled = found || (has_ended && before % 2 == 0 && header_.changes.load(std::memory_order_relaxed) == before);
  }
  if (!settled) {
    {
      const Locked locked(*this);  // whoever was at it is done, or its half-done work is mended
      check_bucket(hash);
    }
    found = search(hash, key, coding, test, settled);
  }
  if (!found) return {};
  ResponseEntry& entry = found.entry();
  const uint32_t uses = entry.uses.load(std::memory_order_relaxed);
  if (uses < kMostUses) entry.uses.store(uses + 1, std::memory_order_relaxed);
  return found;
}

// ---------------------------------------------------------------- storing

Stored ResponseStore::store(uint64_t hash, const NewResponse& response, int64_t now, unsigned& evicted) {
  const uint32_t blocks = blocks_for(response);
  if (meta_size(response) > kResponseBlock || blocks > geometry_.blocks / 4) return Stored::too_large;
  hear();
  uint32_t index = kNobody;
  {
    const Locked locked(*this);
    index = reserve(blocks, hash, now, evicted);
    // All that could go is held. Or it seems so: once in a while it is looked into.
    if (index == kNobody && nonsense_ == nullptr && now >= next_repair_) {
      next_repair_ = now + kRepairPause;
      repair();
      index = reserve(blocks, hash, now, evicted);
    }
    if (nonsense_ != nullptr) index = kNobody;
  }
  if (index == kNobody) return Stored::no_room;
  const bool is_written = write(index, response);
  hear();  // what has been said meanwhile
  const Locked locked(*this);
  if (!is_written) {
    give_up(index, "the blocks of an entry");
    return Stored::no_room;
  }
  if (!publish(index, hash, response)) return nonsense_ == nullptr ? Stored::dead : Stored::no_room;
  header_.stores.fetch_add(1, std::memory_order_relaxed);
  return Stored::yes;
}

// The bytes, into the blocks that were reserved. False: they are not there.
bool ResponseStore::write(uint32_t index, const NewResponse& response) {
  const ResponseEntry& entry = entries_[index];
  uint32_t at = once(entry.first_block);
  uint64_t used = 0;
  const std::string_view tags(reinterpret_cast<const char*>(response.tags.data()),
                              response.tags.size() * sizeof(uint32_t));
  for (std::string_view text : {response.key, response.vary, tags, response.head, response.body}) {
    while (!text.empty()) {
      if (at < geometry_.blocks && used == kResponseBlock) {
        at = once(links_[at]);
        used = 0;
      }
      if (at >= geometry_.blocks) return false;
      const size_t part = std::min<size_t>(text.size(), kResponseBlock - used);
      std::memcpy(block(at) + used, text.data(), part);
      used += part;
      text.remove_prefix(part);
    }
  }
  return true;
}

// An entry in state `writing` with a chain of so many blocks.
uint32_t ResponseStore::reserve(uint32_t blocks, uint64_t hash, int64_t now, unsigned& evicted) {
  while (header_.free_entry == kNobody || header_.free_blocks < blocks) {
    if (nonsense_ != nullptr || !evict_one(now, evicted)) return kNobody;
  }
  const Change change(header_);
  const uint32_t index = once(header_.free_entry);
  const uint32_t first = once(header_.free_block);
  const uint32_t last = last_of(first, blocks);
  if (index >= geometry_.entries || entries_[index].state.load() != ResponseState::free || last == kNobody) {
    no_sense("the free lists");
    return kNobody;
  }
  ResponseEntry& entry = entries_[index];
  header_.free_entry = entry.next.load(std::memory_order_relaxed);
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
  if (entry.state.load() != ResponseState::writing || entry.writer != gateway_) {
    return no_sense("the state of an entry");
  }
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

  Extent extent;
  if (!extent_of(entry, extent)) no_sense("the size of an entry");
  check_bucket(hash);
  if (nonsense_ != nullptr) {
    give_up(index, nonsense_);
    return false;
  }
  bool wanted = !is_dead(entry, extent);
  if (wanted && response.version != 0) {  // another coding of a response that may have been replaced meanwhile
    wanted = false;
    for (uint32_t at = bucket(hash).load(); at < geometry_.entries && !wanted; at = entries_[at].next.load()) {
      wanted = entries_[at].version == response.version && entries_[at].hash == hash && entries_[at].coding == 0;
    }
  }
  if (!wanted) {
    entry.state.store(ResponseState::retired);
    collect(index);
    return false;
  }
  remove_twins(hash, response);
  std::atomic<uint32_t>& ghost = ghosts_[hash & (geometry_.ghosts - 1)];
  const bool came_back = ghost.load(std::memory_order_relaxed) == fingerprint(hash);
  if (came_back) ghost.store(0, std::memory_order_relaxed);
  enqueue(index, came_back ? Queue::main : Queue::small);
  entry.next.store(bucket(hash).load(std::memory_order_relaxed), std::memory_order_relaxed);
  entry.state.store(ResponseState::live, std::memory_order_release);
  bucket(hash).store(index, std::memory_order_release);
  return true;
}

// What was being written is not.
void ResponseStore::give_up(uint32_t index, const char* what) {
  ResponseEntry& entry = entries_[index];
  const bool is_own = entry.state.load() == ResponseState::writing && entry.writer == gateway_;
  if (is_own) entry.state.store(ResponseState::free);
  no_sense(what);
}

// A new response takes the place of all codings of the old one, another coding that of its like.
void ResponseStore::remove_twins(uint64_t hash, const NewResponse& response) {
  uint32_t at = bucket(hash).load();
  while (at < geometry_.entries && nonsense_ == nullptr) {
    const ResponseEntry& entry = entries_[at];
    const uint32_t next = entry.next.load();
    Extent extent;
    const bool same = entry.hash == hash && extent_of(entry, extent) && key_of(extent) == response.key &&
                      vary_of(extent) == response.vary;
    if (same && (response.version == 0 || entry.coding == response.coding)) retire(at);
    at = next;
  }
}

void ResponseStore::forget(uint64_t hash, std::string_view key) {
  uint32_t at = bucket(hash).load(std::memory_order_acquire);
  if (at == kNobody) return;
  const Locked locked(*this);
  const Change change(header_);
  check_bucket(hash);
  at = bucket(hash).load();
  while (at < geometry_.entries && nonsense_ == nullptr) {
    const uint32_t next = entries_[at].next.load();
    Extent extent;
    if (entries_[at].hash == hash && extent_of(entries_[at], extent) && key_of(extent) == key) retire(at);
    at = next;
  }
}

}  // namespace cache
