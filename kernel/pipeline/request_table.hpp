// RequestTable: from the handle that plugins have to the transaction it names, and no further once that has ended.
//
// A handle is an index and a number that changes with each request, so a stale one is recognised however long a plugin
// has kept it. One table per process: the functions of the SDK have nothing but the handle to go by.
#pragma once

#include <askr/abi/base.h>

#include <cstdint>
#include <vector>

namespace askr::pipeline {

struct Transaction;

class RequestTable {
 public:
  constexpr RequestTable() = default;
  // Gives the transaction a handle, for its next request.
  void enter(Transaction& transaction);
  // The request is over.
  void leave(Transaction& transaction);

  // nullptr: stale, or never was one.
  [[nodiscard]] Transaction* find(askr_request request) const {
    const auto index = static_cast<uint32_t>(request.id);
    if (index >= entries_.size() || entries_[index].id != request.id) return nullptr;
    return entries_[index].transaction;
  }

 private:
  struct Entry {
    uint64_t id;  // of the request that lives here now; its upper half counts
    Transaction* transaction;
  };
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
};

// The one of this process.
inline RequestTable& request_table() {
  static constinit RequestTable table;  // no guard to look at: it is called several times for each hook
  return table;
}

}  // namespace askr::pipeline
