// Nothing here has to be mended when the holder of a lock is killed: a record becomes visible by the store of its
// state, which is the last one, and each change of a visible one is a single store.
#include "flights.hpp"

#include <algorithm>

namespace coalesce {
namespace {

class Locked {
 public:
  Locked(const askr_shm& shm, Bucket& bucket) : shm_(shm), bucket_(bucket) { shm_.lock(&bucket_.lock); }
  ~Locked() { shm_.unlock(&bucket_.lock); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  const askr_shm& shm_;
  Bucket& bucket_;
};

// Of a page that is not cacheable; `until` is believed as far as finish() goes.
bool is_remembered(const Flight& flight, int64_t now) {
  const int64_t until = flight.until.load(std::memory_order_relaxed);
  return now < until && until - now <= kLongestMemory;
}

bool can_be(const Flight& flight, FlightState state) {
  return state <= FlightState::released && (state != FlightState::flying || flight.leader < kMostGateways);
}

}  // namespace

Ticket FlightTable::join(uint64_t key, bool may_lead, int64_t now) {
  Bucket& bucket = bucket_of(key);
  // What most requests of an application that caches nothing get to see; without the lock.
  for (const Flight& flight : bucket.flights) {
    if (flight.key.load(std::memory_order_relaxed) == key &&
        flight.state.load(std::memory_order_acquire) == FlightState::released && is_remembered(flight, now)) {
      return {};
    }
  }
  const Locked locked(shm_, bucket);
  Flight* room = nullptr;
  for (Flight& flight : bucket.flights) {
    FlightState state = flight.state.load();
    if (!can_be(flight, state)) flight.state.store(state = FlightState::none);
    const bool is_released = state == FlightState::released && is_remembered(flight, now);
    if (state != FlightState::none && flight.key.load() == key) {
      if (is_released) return {};
      if (state == FlightState::flying) {
        flight.waiting[gateway_ / 64] |= uint64_t{1} << gateway_ % 64;
        return {Joined::follows, flight.serial};
      }
    }
    // An unused place is the best, then the memory that ends first.
    if (state == FlightState::none) flight.until.store(0);
    if (state != FlightState::flying && (room == nullptr || flight.until.load() < room->until.load())) room = &flight;
  }
  if (!may_lead || room == nullptr) return {};
  room->state.store(FlightState::none);
  room->key.store(key);
  room->leader = gateway_;
  room->serial = table_.last_serial.fetch_add(1) + 1;
  room->waiting = {};
  room->state.store(FlightState::flying, std::memory_order_release);
  return {Joined::leads, room->serial};
}

bool FlightTable::is_flying(uint64_t key, uint64_t serial) const {
  Bucket& bucket = bucket_of(key);
  const Locked locked(shm_, bucket);
  for (const Flight& flight : bucket.flights) {
    if (flight.state.load() == FlightState::flying && flight.key.load() == key && flight.serial == serial) return true;
  }
  return false;
}

FlightTable::Waiting FlightTable::finish(uint64_t key, uint64_t serial, int64_t remember, int64_t now) {
  Bucket& bucket = bucket_of(key);
  const Locked locked(shm_, bucket);
  for (Flight& flight : bucket.flights) {
    if (flight.state.load() != FlightState::flying || flight.key.load() != key || flight.serial != serial) continue;
    flight.until.store(now + std::min(remember, kLongestMemory));
    flight.state.store(remember > 0 ? FlightState::released : FlightState::none);
    return flight.waiting;
  }
  return {};
}

FlightTable::Waiting FlightTable::finish_own(Bucket& bucket) {
  Waiting waiting{};
  const Locked locked(shm_, bucket);
  for (Flight& flight : bucket.flights) {
    if (flight.state.load() != FlightState::flying || flight.leader != gateway_) continue;
    flight.state.store(FlightState::none);
    for (size_t i = 0; i < waiting.size(); ++i) waiting[i] |= flight.waiting[i];
  }
  return waiting;
}

}  // namespace coalesce
