// KvStore: the key-value cache that all workers share. Values up to 1 MB, keys up to 1 KB; reads take no lock.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kv_layout.hpp"
#include "kv_shard.hpp"

namespace cache {

struct KvStats {
  uint64_t items = 0, bytes = 0;
  uint64_t hits = 0, misses = 0, stores = 0, evictions = 0, expired = 0, recovered = 0, refused = 0, mended = 0;
};

// A handle; each process makes its own over the same region. `now` and `expires` are monotonic nanoseconds; 0: never.
class KvStore {
 public:
  // How large a region has to be for that many entries.
  static uint64_t bytes(uint64_t slots);
  // Lays an empty store out in zeroed memory. Once, before the first fork.
  static void format(void* region, uint64_t slots, const askr_shm& shm);

  // `report` gets a line when a shard made no sense and was mended; nullptr: nobody wants to know.
  KvStore(void* region, uint64_t slots, const askr_shm& shm, void (*report)(const std::string& line) = nullptr);

  bool get(std::string_view key, int64_t now, Destination& value) const;
  bool set(std::string_view key, std::string_view value, int64_t expires, int64_t now);
  // Only if there is nothing: of any number of callers, one gets true.
  bool add(std::string_view key, std::string_view value, int64_t expires, int64_t now);
  bool remove(std::string_view key, int64_t now);
  bool touch(std::string_view key, int64_t expires, int64_t now);
  // A key that is not there begins at 0 and gets `expires`; one that is there keeps its own. What is no whole number
  // counts as 0. nullopt: there was no room.
  std::optional<int64_t> increment(std::string_view key, int64_t delta, int64_t expires, int64_t now);
  void flush();

  [[nodiscard]] KvStats stats(int64_t now) const;
  // For tests; nobody may be at work meanwhile. Empty: nothing is wrong.
  [[nodiscard]] std::string check() const;

 private:
  [[nodiscard]] Shard& shard_at(uint32_t index) const;
  [[nodiscard]] uint32_t shard_of(uint64_t hash) const;
  template <class Work>
  auto with_lock(uint64_t hash, Work&& work) const;
  void mend(ShardView& shard, uint32_t index, ShardView::Keep keep) const;
  [[nodiscard]] static bool fits(std::string_view key, std::string_view value) {
    return key.size() <= kLargestKey && value.size() <= kLargestValue;
  }

  char* region_;
  ShardContext context_;
  void (*report_)(const std::string& line);
};

}  // namespace cache
