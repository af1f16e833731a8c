// FlightTable: in shared memory, which pages are being made at this moment, by which gateway, and who waits for them.
//
// A flight is one request at PHP, its leader, that others for the same page follow. The table is a fixed number of
// buckets with a lock each; a bucket that is full means that one more page is made without followers. A record is also
// the memory of a page that turned out not to be cacheable: nobody waits for such a one, until that is forgotten. Only
// gateways write here; workers have it read-only.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "askr/abi/shm.h"

namespace coalesce {

inline constexpr uint32_t kBuckets = 1024;
inline constexpr uint32_t kWays = 8;
inline constexpr uint32_t kMostGateways = 256;
inline constexpr int64_t kLongestMemory = INT64_C(86'400'000'000'000);  // ns that a page is remembered for

enum class FlightState : uint32_t {
  none,
  flying,
  released,  // the page is not cacheable: nobody waits for it before `until`
};

struct Flight {
  std::atomic<uint64_t> key;
  std::atomic<FlightState> state;
  uint32_t leader;  // gateway
  uint64_t serial;
  std::atomic<int64_t> until;                        // monotonic ns
  std::array<uint64_t, kMostGateways / 64> waiting;  // a bit for each gateway
};

struct alignas(64) Bucket {
  askr_lock lock;
  std::array<Flight, kWays> flights;
};

struct Table {
  std::atomic<uint64_t> last_serial;
  std::array<Bucket, kBuckets> buckets;
};

enum class Joined : uint8_t {
  leads,    // the caller makes the page
  follows,  // wait until flight `serial` is over
  alone,    // go ahead: the page is not cacheable, or the table is full
};

struct Ticket {
  Joined joined = Joined::alone;
  uint64_t serial = 0;
};

class FlightTable {
 public:
  FlightTable(void* region, const askr_shm& shm, uint32_t gateway)
      : table_(*static_cast<Table*>(region)), shm_(shm), gateway_(gateway) {}

  // Joins the flight for `key`, or begins one if the caller `may_lead`.
  Ticket join(uint64_t key, bool may_lead, int64_t now);
  // Is that very flight still going on?
  [[nodiscard]] bool is_flying(uint64_t key, uint64_t serial) const;
  // Ends a flight that the caller leads; `remember` above 0: its page is not cacheable, and nobody is to wait for it so
  // long (ns). `wake(gateway)` is called for each one that waits.
  template <class Wake>
  void end(uint64_t key, uint64_t serial, int64_t remember, int64_t now, Wake&& wake) {
    wake_all(finish(key, serial, remember, now), wake);
  }
  // This gateway begins anew: the flights that its predecessor led are over.
  template <class Wake>
  void take_over(Wake&& wake) {
    for (Bucket& bucket : table_.buckets) wake_all(finish_own(bucket), wake);
  }

 private:
  using Waiting = std::array<uint64_t, kMostGateways / 64>;
  template <class Wake>
  static void wake_all(const Waiting& waiting, Wake&& wake) {
    for (uint32_t gateway = 0; gateway < kMostGateways; ++gateway) {
      if ((waiting[gateway / 64] >> gateway % 64 & 1) != 0) wake(gateway);
    }
  }
  Waiting finish(uint64_t key, uint64_t serial, int64_t remember, int64_t now);
  Waiting finish_own(Bucket& bucket);
  [[nodiscard]] Bucket& bucket_of(uint64_t key) const { return table_.buckets[(key >> 20) % kBuckets]; }

  Table& table_;
  const askr_shm& shm_;
  uint32_t gateway_;
};

}  // namespace coalesce
