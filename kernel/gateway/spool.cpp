#include "gateway/spool.hpp"

#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace askr::gateway {
namespace {

constexpr int64_t kSayAgain = 10 * kSecond;

}  // namespace

Spool::Spool(std::string folder, uint64_t limit, const exchange::Exchange& exchange, exchange::ProcessRecord& own)
    : folder_(std::move(folder)), limit_(limit), exchange_(&exchange), own_(&own.spooled) {
  own_->store(0, std::memory_order_relaxed);
}

bool Spool::has_room_for(uint64_t bytes) const {
  if (exchange_ == nullptr) return true;
  const uint64_t used = exchange_->spooled();
  return used <= limit_ && bytes <= limit_ - used;
}

void Spool::note_full() {
  const int64_t now = monotonic_now();
  if (noted_ != 0 && now - noted_ < kSayAgain) return;
  noted_ = now;
  log::warning(
      "bodies that wait in {} have reached server.spool_limit ({} bytes): uploads get 503, and workers wait for slow "
      "clients, until some are gone",
      folder_, limit_);
}

}  // namespace askr::gateway
