#include "pipeline/request_table.hpp"

#include "pipeline/transaction.hpp"

namespace askr::pipeline {
namespace {

constexpr uint64_t kOnce = 1ULL << 32;

}  // namespace

void RequestTable::enter(Transaction& transaction) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(entries_.size()));
    entries_.push_back({entries_.size(), nullptr});
  }
  Entry& entry = entries_[free_.back()];
  free_.pop_back();
  entry.id += kOnce;
  entry.transaction = &transaction;
  transaction.handle = {entry.id};
}

void RequestTable::leave(Transaction& transaction) {
  if (transaction.handle.id == 0) return;
  const auto index = static_cast<uint32_t>(transaction.handle.id);
  entries_[index].transaction = nullptr;
  free_.push_back(index);
  transaction.handle = {};
}

}  // namespace askr::pipeline
