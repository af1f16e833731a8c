// ShardView: one shard of the key-value store, with the operations that its lock protects and the read that needs none.
#pragma once

#include <optional>
#include <string>
#include <string_view>

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
  unsure,  // a writer was at work: look again
};

class ShardView {
 public:
  ShardView(const askr_shm& shm, Header& header, Shard& shard, Counters& counters);

  static uint64_t bytes(uint32_t entries, uint32_t blocks);
  // Lays an empty shard out; made of zeroed memory.
  static void format(const askr_shm& shm, Header& header, Shard& shard, uint32_t entries, uint32_t blocks);

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
  [[nodiscard]] uint32_t find(uint64_t hash, std::string_view key, int64_t now) const;
  // Replaces what is there. False: it does not fit.
  bool store(uint64_t hash, std::string_view key, std::string_view value, std::optional<int64_t> number,
             int64_t expires, int64_t now);
  void remove(uint32_t index);
  [[nodiscard]] Entry& entry(uint32_t index) const { return entries_[index]; }
  [[nodiscard]] std::string value_of(const Entry& entry) const;
  // For tests: what is wrong with the lists and chains; empty when nothing is.
  [[nodiscard]] std::string check() const;
  [[nodiscard]] std::pair<uint64_t, uint64_t> items_and_bytes(int64_t now) const;

 private:
  struct Change;
  [[nodiscard]] bool is_gone(const Entry& entry, int64_t now) const;
  [[nodiscard]] bool has_key(const Entry& entry, std::string_view key) const;
  bool copy_value(const Entry& entry, char* to, uint32_t key_size, uint32_t value_size) const;
  [[nodiscard]] uint32_t checksum_of(const Entry& entry) const;
  uint32_t& bucket(uint64_t hash) const { return buckets_[static_cast<uint32_t>(hash) & shard_.bucket_mask]; }
  bool make_room(uint32_t blocks, int64_t now);
  void fill(Entry& entry, std::string_view key, std::string_view value);
  void unlink(uint32_t index);
  void give_back(uint32_t index);
  void repair();
  [[nodiscard]] bool is_whole(uint32_t index, std::string& seen_blocks) const;

  const askr_shm& shm_;
  Header& header_;
  Shard& shard_;
  Counters& counters_;
  uint32_t* buckets_;
  Entry* entries_;
  Block* blocks_;
};

}  // namespace cache
