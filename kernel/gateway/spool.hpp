// Spool: where bodies wait that are too large for memory, and how much room all of them together may take.
//
// Each gateway counts its own bytes in its record of the process table; what all use is summed up when it is asked for.
// So nothing has to be corrected when a gateway dies: its files go with it, and its successor begins at 0.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "exchange/exchange.hpp"

namespace askr::gateway {

class Spool {
 public:
  // Without a limit.
  explicit Spool(std::string folder) : folder_(std::move(folder)) {}
  // Of the gateway whose record is `own`; `limit` holds for all.
  Spool(std::string folder, uint64_t limit, const exchange::Exchange& exchange, exchange::ProcessRecord& own);

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] bool has_room_for(uint64_t bytes) const;
  void take(uint64_t bytes) { own_->fetch_add(bytes, std::memory_order_relaxed); }
  void give_back(uint64_t bytes) { own_->fetch_sub(bytes, std::memory_order_relaxed); }
  // Something had to wait, or was refused, because of the limit: the log says so, now and then.
  void note_full();

 private:
  const std::string folder_;
  const uint64_t limit_ = ~uint64_t{0};
  const exchange::Exchange* exchange_ = nullptr;
  std::atomic<uint64_t> uncounted_ = 0;
  std::atomic<uint64_t>* own_ = &uncounted_;
  int64_t noted_ = 0;
};

}  // namespace askr::gateway
