// ShardView: one shard of the key-value store, with the operations that its lock protects and the read that needs none.
//
// No operation believes what lies there. One that comes across something that cannot be says so (makes_sense() is
// false), and what it has answered counts for nothing; the caller mends the shard and asks again.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv_layout.hpp"

namespace cache {

// Where a value that was found is copied to.
class Destination {
 public:
  virtual char* prepare(size_t size) = 0;  // memory for the value; may be called again; nullptr: no memory

 protected:
  ~Destination() = default;
};

enum class Found : uint8_t {
  yes,
  no,
  unsure,  // a writer was at work, or what is there makes no sense: look again, then with the lock
};

// What a process has for all shards. The process is for the log only.
struct ShardContext {
  const askr_shm& shm;
  Header& header;
  Counters& counters;
  Geometry geometry;
  uint32_t process;
};

class ShardView {
 public:
  ShardView(const ShardContext& context, Shard& shard);

  static uint64_t bytes(uint32_t entries, uint32_t blocks);
  static uint32_t buckets_for(uint32_t entries);

  // Without the lock.
  Found read(uint64_t hash, std::string_view key, int64_t now, Destination& value) const;

  // Holds the lock, and mends what a dead owner has left.
  class Locked {
   public:
    explicit Locked(ShardView& view);
    ~Locked();
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;

   private:
    ShardView& view_;
  };

  // --- with the lock
  Found read_locked(uint64_t hash, std::string_view key, int64_t now, Destination& value) const;
  [[nodiscard]] uint32_t find(uint64_t hash, std::string_view key, int64_t now) const;
  // Replaces what is there. False: it does not fit.
  bool store(uint64_t hash, std::string_view key, std::string_view value, std::optional<int64_t> number,
             int64_t expires, int64_t now);
  void remove(uint32_t index);
  void touch(uint32_t index, int64_t expires);
  // Of an entry that find() gave.
  [[nodiscard]] Entry& entry(uint32_t index) const { return entries_[index]; }
  [[nodiscard]] std::string value_of(uint32_t index) const;

  [[nodiscard]] bool makes_sense() const { return nonsense_ == nullptr; }
  // What was found, in a few words.
  [[nodiscard]] const char* nonsense() const { return nonsense_; }
  enum class Keep : uint8_t { whole_entries, nothing };
  // Makes the lists anew, of entries that are whole; an empty shard when it is made of zeroed memory. How many are
  // kept.
  uint32_t mend(Keep keep);

  // For tests: what is wrong with the lists and chains; empty when nothing is.
  [[nodiscard]] std::string check() const;
  [[nodiscard]] std::pair<uint64_t, uint64_t> items_and_bytes(int64_t now) const;

 private:
  struct Change;
  // What an entry says, read once.
  struct Head {
    uint32_t first_block, key_size, value_size, is_number;
    uint64_t sequence, epoch;
    int64_t expires;
    uint32_t checksum;
  };
  // False, for the caller to return.
  bool no_sense(const char* what) const;
  bool copy_head(const Entry& entry, Head& head) const;
  [[nodiscard]] bool is_gone(const Head& head, int64_t now) const;
  [[nodiscard]] bool has_key(const Entry& entry, std::string_view key) const;
  [[nodiscard]] bool is_for(const Entry& entry, uint64_t hash, std::string_view key) const;
  Found walk(uint64_t hash, std::string_view key, int64_t now, Destination& value, uint32_t most_steps) const;
  Found take(const Entry& entry, uint64_t hash, uint32_t version, int64_t now, Destination& value) const;
  [[nodiscard]] bool is_unchanged(uint32_t version) const;
  static uint32_t checksum_of(const Head& head, uint64_t hash, std::string_view value);
  bool copy_value(const Head& head, char* to) const;
  [[nodiscard]] uint32_t& bucket(uint64_t hash) const {
    return buckets_[static_cast<uint32_t>(hash) & (geometry_.buckets - 1)];
  }
  bool make_room(uint32_t blocks, int64_t now);
  [[nodiscard]] bool is_number_of_free_blocks(uint32_t number, uint32_t wanted) const;
  bool fill(Entry& entry, std::string_view key, std::string_view value);
  bool unlink(uint32_t index);
  bool give_back(uint32_t index);

  // --- mending
  // Of each block whether it belongs to an entry.
  using Claims = std::vector<bool>;
  bool link_whole(uint32_t index, Claims& claims);
  [[nodiscard]] bool is_whole(const Head& head, uint64_t hash, const Claims* claims, std::string& text) const;
  void claim(const Head& head, Claims& claims, bool whether) const;

  const ShardContext& context_;
  const Geometry& geometry_;
  Shard& shard_;
  uint32_t* buckets_;
  Entry* entries_;
  Block* blocks_;
  mutable const char* nonsense_ = nullptr;
};

}  // namespace cache
