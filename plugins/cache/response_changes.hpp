// How the lists of a ResponseStore are changed: with its lock, and for readers to see.
#pragma once

#include "response_store.hpp"

namespace cache {

// `changes` is odd while this lives.
struct ResponseStore::Change {
  explicit Change(ResponseHeader& header_in) : header(header_in) {
    header.changes.store(header.changes.load(std::memory_order_relaxed) | 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
  }
  ~Change() { header.changes.store(header.changes.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  ResponseHeader& header;
};

class ResponseStore::Locked {
 public:
  explicit Locked(ResponseStore& store) : store_(store) {
    if (store.shm_.lock(&store.header_.lock) == ASKR_LOCK_RECOVERED) {
      store.header_.recovered.fetch_add(1, std::memory_order_relaxed);
      store.repair();
    } else if (store.header_.changes.load(std::memory_order_relaxed) % 2 == 1) {
      store.no_sense("a change that nobody is at");
      store.mend();
    }
  }
  ~Locked() {
    if (store_.nonsense_ != nullptr) store_.mend();
    store_.shm_.unlock(&store_.header_.lock);
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  ResponseStore& store_;
};

}  // namespace cache
