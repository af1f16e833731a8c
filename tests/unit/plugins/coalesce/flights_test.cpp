// The table of flights: who leads, who follows, who goes alone; and rubbish in it.
#include "flights.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "arena/owner_lock.hpp"

namespace {

using coalesce::FlightState;
using coalesce::FlightTable;
using coalesce::Joined;
using coalesce::Table;
using coalesce::Ticket;

constexpr int64_t kNow = 1'000'000'000;

askr::arena::OwnerLock& as_lock(askr_lock* lock) {
  return *reinterpret_cast<askr::arena::OwnerLock*>(lock);
}

const askr_shm kShm = {sizeof(askr_shm),
                       nullptr,
                       nullptr,
                       [](askr_lock* lock) -> int32_t {
                         const bool dead = as_lock(lock).lock() == askr::arena::Acquired::from_dead_owner;
                         return dead ? ASKR_LOCK_RECOVERED : ASKR_LOCK_CLEAN;
                       },
                       [](askr_lock* lock) { as_lock(lock).unlock(); },
                       nullptr,
                       nullptr,
                       nullptr,
                       nullptr};

// Keys of one bucket.
uint64_t key(uint64_t number) {
  return (uint64_t{5} << 20) + number + 1;
}

struct Flights {
  Flights() : table(std::make_unique<Table>()) { std::memset(static_cast<void*>(table.get()), 0, sizeof(Table)); }
  [[nodiscard]] FlightTable of(uint32_t gateway) const { return {table.get(), kShm, gateway}; }
  [[nodiscard]] coalesce::Bucket& bucket() const { return table->buckets[5]; }
  std::vector<uint32_t> end(uint32_t gateway, uint64_t of_key, uint64_t serial, int64_t remember = 0) const {
    std::vector<uint32_t> woken;
    of(gateway).end(of_key, serial, remember, kNow, [&](uint32_t each) { woken.push_back(each); });
    return woken;
  }
  std::unique_ptr<Table> table;
};

TEST_CASE("the first leads, the others follow, and all that wait are woken at the end") {
  const Flights flights;
  const Ticket first = flights.of(0).join(key(0), true, kNow);
  CHECK(first.joined == Joined::leads);
  for (const uint32_t gateway : {0U, 63U, 64U, 255U}) {
    const Ticket other = flights.of(gateway).join(key(0), gateway > 0, kNow);
    CHECK(other.joined == Joined::follows);
    CHECK(other.serial == first.serial);
  }
  CHECK(flights.of(1).is_flying(key(0), first.serial));
  CHECK_FALSE(flights.of(1).is_flying(key(0), first.serial + 1));
  CHECK_FALSE(flights.of(1).is_flying(key(1), first.serial));
  CHECK(flights.end(0, key(0), first.serial + 1).empty());
  CHECK(flights.end(0, key(1), first.serial).empty());
  CHECK(flights.of(1).is_flying(key(0), first.serial));
  CHECK(flights.end(0, key(0), first.serial) == std::vector<uint32_t>{0, 63, 64, 255});
  CHECK_FALSE(flights.of(1).is_flying(key(0), first.serial));
  CHECK(flights.end(0, key(0), first.serial).empty());
  const Ticket next = flights.of(1).join(key(0), true, kNow);
  CHECK(next.joined == Joined::leads);
  CHECK(next.serial == first.serial + 1);
  CHECK(flights.end(1, key(0), next.serial).empty());  // who waited for the first does not wait for this one
}

TEST_CASE("who may not lead goes alone") {
  const Flights flights;
  CHECK(flights.of(0).join(key(0), false, kNow).joined == Joined::alone);
  CHECK(flights.of(0).join(key(0), true, kNow).joined == Joined::leads);
}

TEST_CASE("for a page that is not cacheable nobody waits until that is forgotten, to the nanosecond") {
  const Flights flights;
  const Ticket first = flights.of(0).join(key(0), true, kNow);
  flights.end(0, key(0), first.serial, 10);
  CHECK(flights.of(0).join(key(0), true, kNow).joined == Joined::alone);
  CHECK(flights.of(0).join(key(0), true, kNow + 9).joined == Joined::alone);
  CHECK(flights.of(0).join(key(1), true, kNow).joined == Joined::leads);
  CHECK(flights.of(0).join(key(0), true, kNow + 10).joined == Joined::leads);
  CHECK(flights.of(0).join(key(0), true, kNow + 10).joined == Joined::follows);
}

TEST_CASE("a bucket holds eight flights; what is remembered makes room, the oldest memory first") {
  const Flights flights;
  std::vector<Ticket> tickets;
  for (uint64_t i = 0; i < coalesce::kWays; ++i) {
    tickets.push_back(flights.of(0).join(key(i), true, kNow));
    CHECK(tickets.back().joined == Joined::leads);
  }
  CHECK(flights.of(0).join(key(8), true, kNow).joined == Joined::alone);
  CHECK(flights.of(0).join(key(7), true, kNow).joined == Joined::follows);
  flights.end(0, key(3), tickets[3].serial, 50);
  flights.end(0, key(4), tickets[4].serial, 40);
  flights.end(0, key(5), tickets[5].serial, 60);
  CHECK(flights.of(0).join(key(8), true, kNow).joined == Joined::leads);
  CHECK(flights.of(0).join(key(3), true, kNow).joined == Joined::alone);  // still known
  CHECK(flights.of(0).join(key(5), true, kNow).joined == Joined::alone);
  CHECK(flights.of(0).join(key(4), true, kNow).joined == Joined::leads);  // in place of 3
  CHECK(flights.of(0).join(key(5), true, kNow).joined == Joined::alone);
  CHECK(flights.of(0).join(key(3), true, kNow).joined == Joined::leads);  // in place of 5
  // An unused place is better than a memory.
  flights.end(0, key(0), tickets[0].serial, 1);
  flights.end(0, key(1), tickets[1].serial);
  CHECK(flights.of(0).join(key(9), true, kNow).joined == Joined::leads);
  CHECK(flights.of(0).join(key(0), true, kNow).joined == Joined::alone);
}

TEST_CASE("the flights of a gateway that died are over, those of others go on") {
  const Flights flights;
  const Ticket dead = flights.of(3).join(key(0), true, kNow);
  const Ticket alive = flights.of(4).join(key(1), true, kNow);
  flights.of(200).join(key(0), true, kNow);
  std::vector<uint32_t> woken;
  flights.of(3).take_over([&](uint32_t each) { woken.push_back(each); });
  CHECK(woken == std::vector<uint32_t>{200});
  CHECK_FALSE(flights.of(0).is_flying(key(0), dead.serial));
  CHECK(flights.of(0).is_flying(key(1), alive.serial));
}

// ---------------------------------------------------------------- rubbish, which only a gateway can write

TEST_CASE("flights that cannot be are none") {
  const Flights flights;
  const auto state = [&](uint32_t way) -> std::atomic<FlightState>& { return flights.bucket().flights[way].state; };
  SECTION("a state that is none") {
    for (uint32_t way = 0; way < coalesce::kWays; ++way) state(way) = static_cast<FlightState>(3 + way);
  }
  SECTION("a leader that is no gateway") {
    for (uint32_t way = 0; way < coalesce::kWays; ++way) {
      state(way) = FlightState::flying;
      flights.bucket().flights[way].key = key(way);
      flights.bucket().flights[way].leader = coalesce::kMostGateways;
    }
  }
  CHECK(flights.of(0).join(key(0), true, kNow).joined == Joined::leads);
  CHECK(flights.of(0).join(key(0), true, kNow).joined == Joined::follows);
  CHECK(flights.of(0).join(key(1), true, kNow).joined == Joined::leads);
}

TEST_CASE("with rubbish in the table every call ends, and wakes nobody who is not there") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const Flights flights;
    auto* words = reinterpret_cast<uint32_t*>(flights.table.get());
    for (size_t i = 0; i < sizeof(Table) / sizeof *words; ++i) {
      words[i] = seed % 4 == 0 ? static_cast<uint32_t>(random()) : random() % (seed % 4 == 1 ? 3 : 300);
    }
    for (coalesce::Bucket& bucket : flights.table->buckets) bucket.lock.word = 0;  // locks have tests of their own
    for (unsigned i = 0; i < 100; ++i) {
      const uint64_t any = random() % 1000;
      const auto gateway = static_cast<uint32_t>(random() % coalesce::kMostGateways);
      const Ticket ticket = flights.of(gateway).join(key(any), random() % 2 == 0, kNow);
      if (ticket.joined == Joined::leads) REQUIRE(flights.of(gateway).is_flying(key(any), ticket.serial));
      for (const uint32_t each : flights.end(gateway, key(any), ticket.serial)) REQUIRE(each < coalesce::kMostGateways);
    }
    unsigned woken = 0;
    for (uint32_t gateway = 0; gateway < coalesce::kMostGateways; ++gateway) {
      flights.of(gateway).take_over([&](uint32_t each) { woken += each < coalesce::kMostGateways ? 0 : 1; });
    }
    REQUIRE(woken == 0);
    // Nothing flies any more, and what there is of memories is above all times or below.
    unsigned leads = 0;
    for (uint64_t any = 0; any < 200; ++any) {
      if (flights.of(0).join((any << 20) + 7, true, kNow).joined == Joined::leads) ++leads;
    }
    REQUIRE(leads > 0);
  }
}

}  // namespace
