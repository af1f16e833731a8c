// ResponseStore: whole responses in shared memory, found without a lock and sent from where they lie.
//
// Eviction is S3-FIFO: what is new waits in a small queue and leaves from its end unless it was asked for again; what
// was moves to the main one, where each use buys another round. A response that comes back soon after it left the small
// queue goes to the main one at once. So pages that are asked for once do not push out those that are asked for often.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages.hpp"
#include "response_layout.hpp"

namespace cache {

// What is to be stored; all of it is copied. Times are monotonic nanoseconds.
struct NewResponse {
  std::string_view key = {};        // its first line is the address
  std::string_view vary = {};       // what the request must say for this to be its response; see request_key.hpp
  std::vector<uint32_t> tags = {};  // TagClock::index_of
  std::string_view head = {};       // fields, see fields.hpp
  std::string_view body = {};
  uint32_t coding = 0;
  uint32_t flags = 0;
  uint64_t born = 0;   // TagClock::now() before its request was made
  uint64_t began = 0;  // WriteClock::now() likewise
  int64_t stored = 0, fresh_until = 0, stale_until = 0, error_until = 0;
  uint64_t version = 0;  // of the stored response that this is another coding of; 0: it is a new one
};

enum class Stored : uint8_t {
  yes,
  dead,       // a tag was forgotten or its address written to meanwhile, or what it is a coding of has gone
  too_large,  // for the store as it was made
  no_room,    // all that could give way is being sent just now
};

struct ResponseStats {
  uint64_t responses = 0, bytes = 0, capacity = 0;
  uint64_t stores = 0, evictions = 0, expired = 0, recovered = 0, mended = 0;
};

class ResponseStore;

// A stored response that cannot be freed as long as this lives. Empty: there was none.
class FoundResponse {
 public:
  FoundResponse() = default;
  FoundResponse(ResponseStore& store, uint32_t index, const Extent& extent)
      : store_(&store), index_(index), extent_(extent) {}
  FoundResponse(FoundResponse&& other) noexcept
      : store_(std::exchange(other.store_, nullptr)), index_(other.index_), extent_(other.extent_) {}
  FoundResponse& operator=(FoundResponse&& other) noexcept {
    std::swap(store_, other.store_);
    std::swap(index_, other.index_);
    std::swap(extent_, other.extent_);
    return *this;
  }
  ~FoundResponse();

  explicit operator bool() const { return store_ != nullptr; }
  // For its times and flags; where its bytes are is in extent().
  [[nodiscard]] ResponseEntry& entry() const;
  [[nodiscard]] const Extent& extent() const { return extent_; }
  [[nodiscard]] std::string_view key() const;
  [[nodiscard]] std::string_view vary() const;
  [[nodiscard]] std::string_view head() const;
  [[nodiscard]] std::vector<uint32_t> tags() const;
  // visit(bytes) for each piece of the body, in order.
  template <class Visitor>
  void for_each_piece(Visitor&& visit) const;
  [[nodiscard]] std::string body() const;
  // Another hold on it, to be let go with ResponseStore::release_held.
  void* hold() const;

 private:
  ResponseStore* store_ = nullptr;
  uint32_t index_ = 0;
  Extent extent_ = {};
};

// Does the request say what a stored `vary` demands?
struct VaryTest {
  bool (*matches)(const void* context, std::string_view vary) = nullptr;
  const void* context = nullptr;
};

class ResponseStore {
 public:
  static uint64_t bytes(uint64_t slots);
  static void format(void* region, uint64_t slots, const askr_shm& shm, uint64_t seed);

  // A handle; each process makes its own, and its own idea of the sizes. Only gateways (`gateway` below kMostGateways)
  // may find and store. `messages`: where other processes say what is forgotten; nullptr: nobody does. `report` gets a
  // line when what is here made no sense and was mended.
  ResponseStore(void* region, uint64_t slots, const askr_shm& shm, uint32_t gateway, Messages* messages = nullptr,
                void (*report)(const std::string& line) = nullptr);
  ResponseStore(const ResponseStore&) = delete;
  ResponseStore& operator=(const ResponseStore&) = delete;

  // This gateway begins: what its predecessor of that number held or was writing is given back.
  void take_over(uint32_t gateways);

  [[nodiscard]] TagClock& tags() const { return header_.tags; }
  [[nodiscard]] WriteClock& writes() const { return header_.writes; }
  // Brings the clock up to date with what other processes have said. find() and store() do that as well.
  void hear() {
    if (messages_ != nullptr && messages_->count() != header_.heard.load(std::memory_order_acquire)) hear_news();
  }
  [[nodiscard]] uint64_t hash(std::string_view key) const;

  // The representation in `coding`, else the plain one. It may be too old: the caller looks at its times.
  FoundResponse find(uint64_t hash, std::string_view key, uint32_t coding, const VaryTest& test);
  // Replaces what is there for the same key and vary. `evicted` counts what had to go.
  Stored store(uint64_t hash, const NewResponse& response, int64_t now, unsigned& evicted);
  // All that is stored for the key goes.
  void forget(uint64_t hash, std::string_view key);
  // Lets go of what FoundResponse::hold() gave.
  static void release_held(void* held);

  [[nodiscard]] ResponseStats stats(int64_t now) const;
  // visit(FoundResponse&, key) for all that is live, plain ones first. For a process in which nobody else is at work.
  template <class Visitor>
  void for_each(int64_t now, Visitor&& visit);
  // For tests; nobody may be at work meanwhile. Empty: nothing is wrong.
  [[nodiscard]] std::string check() const;

 private:
  friend class FoundResponse;
  class Locked;
  struct Change;
  struct Hold {
    ResponseStore* store;
    uint32_t index;
  };

  [[nodiscard]] std::atomic<uint32_t>& pin_of(uint32_t gateway, uint32_t index) const {
    return pins_[uint64_t{gateway} * geometry_.entries + index];
  }
  void pin(uint32_t index);
  void unpin(uint32_t index);
  [[nodiscard]] bool is_pinned(uint32_t index) const;
  [[nodiscard]] bool is_usable(const ResponseEntry& entry, int64_t now) const;
  [[nodiscard]] bool is_dead(const ResponseEntry& entry, const Extent& extent) const;
  [[nodiscard]] bool is_to_be_forgotten(const ResponseEntry& entry) const;
  // False: no response can be there.
  [[nodiscard]] bool extent_of(const ResponseEntry& entry, Extent& extent) const;
  [[nodiscard]] char* block(uint32_t index) const { return blocks_ + uint64_t{index} * kResponseBlock; }
  [[nodiscard]] std::string_view key_of(const Extent& extent) const {
    return {block(extent.first_block), extent.key_size};
  }
  [[nodiscard]] std::string_view vary_of(const Extent& extent) const {
    return {block(extent.first_block) + extent.key_size, extent.vary_size};
  }
  std::atomic<uint32_t>& bucket(uint64_t hash) const { return buckets_[hash & (geometry_.buckets - 1)]; }
  // `has_ended`: the walk came to the end of the bucket.
  FoundResponse search(uint64_t hash, std::string_view key, uint32_t coding, const VaryTest& test, bool& has_ended);
  bool write(uint32_t index, const NewResponse& response);
  void hear_news();

  // --- with the lock
  uint32_t reserve(uint32_t blocks, uint64_t hash, int64_t now, unsigned& evicted);
  bool evict_one(int64_t now, unsigned& evicted);
  bool publish(uint32_t index, uint64_t hash, const NewResponse& response);
  void remove_twins(uint64_t hash, const NewResponse& response);
  void retire(uint32_t index);
  void collect(uint32_t index);
  void unlink(uint32_t index);
  void check_bucket(uint64_t hash);
  [[nodiscard]] uint32_t last_of(uint32_t first, uint32_t count) const;
  void give_up(uint32_t index, const char* what);
  // What cannot be was found: all is made anew before the lock is given up. False, for the caller to return.
  bool no_sense(const char* what);
  // How a response is recognised that has left not long ago.
  static uint32_t fingerprint(uint64_t hash) { return static_cast<uint32_t>(hash >> 32) | 1; }
  [[nodiscard]] Fifo& fifo(Queue queue) const { return queue == Queue::small ? header_.small : header_.main; }
  void enqueue(uint32_t index, Queue queue);
  void dequeue(uint32_t index);
  void repair();
  void mend();
  [[nodiscard]] bool is_whole(const ResponseEntry& entry, const std::vector<bool>& taken) const;

  ResponseHeader& header_;
  const ResponseGeometry geometry_;
  const askr_shm& shm_;
  uint32_t gateway_;
  uint32_t gateways_ = 0;  // how many there are; 0: nobody is at work yet, or any more
  Messages* messages_;
  void (*report_)(const std::string& line);
  const char* nonsense_ = nullptr;
  int64_t next_repair_ = 0;
  std::atomic<uint32_t>* buckets_;
  ResponseEntry* entries_;
  std::atomic<uint32_t>* ghosts_;
  std::atomic<uint32_t>* pins_;
  uint32_t* links_;  // of each block to the next one of its chain
  char* blocks_;
  std::unique_ptr<Hold[]> holds_;         // by entry: what release_held() gets
  std::unique_ptr<uint32_t[]> own_pins_;  // what this gateway's row of pins has to say
};

template <class Visitor>
void FoundResponse::for_each_piece(Visitor&& visit) const {
  uint64_t left = extent_.body_size;
  uint64_t skip = extent_.body_at();
  for (uint32_t at = extent_.first_block; left > 0 && at < store_->geometry_.blocks; at = store_->links_[at]) {
    const uint64_t part = std::min<uint64_t>(left, kResponseBlock - skip);
    if (part > 0) visit(std::string_view(store_->block(at) + skip, part));
    left -= part;
    skip = 0;
  }
}

template <class Visitor>
void ResponseStore::for_each(int64_t now, Visitor&& visit) {
  for (const bool plain : {true, false}) {
    for (uint32_t index = 0; index < geometry_.entries; ++index) {
      ResponseEntry& entry = entries_[index];
      Extent extent;
      if (entry.state.load() != ResponseState::live || (entry.coding == 0) != plain || !is_usable(entry, now)) continue;
      if (!extent_of(entry, extent)) continue;
      pin(index);
      const FoundResponse found(*this, index, extent);
      visit(found, key_of(extent));
    }
  }
}

}  // namespace cache
