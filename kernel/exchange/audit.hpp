// Audit: the master looks for what makes no sense in the shared memory that workers write to, and mends it.
//
// A worker may write anything there: a broken extension, or who attacks the application. What gateways and the master
// alone write says which requests there are (Order::open) and which processes (Assignment), and a record is written by
// its own process only; so from these it is known what the other words must be. What has to be so:
//
//   - a request that waits is in the queue; one that runs is the current one of the worker that its slot names
//   - the current request of a worker is one that runs there
//   - of a worker's blocks those are in use that its slots have published and no gateway has consumed, and one more
//   - a gateway looks at what has been announced, a worker at what is queued
//
// A process may be between two of its steps when it is looked at, so most of that counts only when it has been wrong
// at several looks in turn, with nothing having moved. A request that nobody runs, by any word of it, is made
// `crashed`: its gateway runs it again or answers 502, as after the death of a worker. A worker that runs what is no
// request has to be ended. A wake-up that was lost is made up for; that needs no line in the log.
//
// Rejected: sums over what workers write. They would have to be kept up at each step, and who writes rubbish on purpose
// writes the sum as well.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "exchange/exchange.hpp"

namespace askr::exchange {

struct Findings {
  std::vector<std::string> mended;  // each for a person: "the queue's counts"
  std::vector<unsigned> to_end;     // workers, by record
  std::vector<unsigned> at_work;    // workers, by record: who ran a request since the look before, by their records
  bool has_work = false;            // there are requests, or something is not settled yet: look again
};

// How often something must be seen in turn.
inline constexpr unsigned kLooks = 4;

class Audit {
 public:
  explicit Audit(Exchange& exchange);
  // Call it some times a second while there are requests. `now`: monotonic ns.
  Findings look(int64_t now);

 private:
  // How often in turn something was seen as it is now.
  struct Sightings {
    uint64_t seen = 0;
    unsigned times = 0;
    unsigned count(uint64_t now) {
      times = now == seen ? times + 1 : 1;
      seen = now;
      return times;
    }
    void none() { times = 0; }
  };

  void read_claims(int64_t now);
  void check_queue(int64_t now);
  void check_slots();
  void check_running(uint32_t at, uint32_t worker);
  void check_news(uint32_t at, SlotState state);
  void check_waiting(uint32_t at);
  void note_blocks_under_way(uint32_t at, uint32_t worker);
  void check_workers();
  void check_current(unsigned worker);
  void check_blocks(unsigned worker);
  void settle_blocks(unsigned worker);
  void check_gateways();
  void crash(uint32_t at, SlotState seen);
  void announce(uint32_t at) const;
  void mended(std::string what);
  void end(unsigned worker, std::string why);
  [[nodiscard]] bool is_open(uint32_t at) const;
  [[nodiscard]] bool runs(unsigned worker) const;
  [[nodiscard]] uint64_t pid_of(unsigned worker) const;

  Exchange& exchange_;
  Findings findings_;
  int64_t last_look_ = 0;
  bool has_stalled_ = false;              // requests wait that nobody takes
  std::vector<uint32_t> claims_;          // by slot: the worker whose current one it is by its own record, + 1
  std::vector<uint64_t> under_way_;       // by worker: blocks that slots have published and nobody has consumed
  std::vector<Sightings> odd_, still_;    // by slot
  std::vector<Sightings> lost_, blocks_;  // by worker
  std::vector<Sightings> deaf_;           // by gateway
};

}  // namespace askr::exchange
