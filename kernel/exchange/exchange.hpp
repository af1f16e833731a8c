// Exchange: the place where gateways and workers meet. A view over the regions below, plus the wake-up descriptors,
// made by the master before any fork and inherited by every process.
//
//   kernel.policy    what the master decides: Global, assignments       written by the master
//   kernel.gateways  orders, encoded requests, GatewayWords             and by gateways
//   kernel.blocks    responses, a part for each worker                  and by that worker
//   kernel.exchange  slots, queue, ready bits, who sleeps, WorkerWords  and by gateways and workers
//   kernel.workers   what each process says of itself, a part for each  and by that process and gateways
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "arena/arena.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "exchange/body_channel.hpp"
#include "exchange/doorbell.hpp"
#include "exchange/not_rewound.hpp"
#include "exchange/process_table.hpp"
#include "exchange/request_queue.hpp"
#include "exchange/shared_warning.hpp"
#include "exchange/slot.hpp"

namespace askr::exchange {

struct ExchangeOptions {
  unsigned gateways = 1;
  unsigned workers_max = 1;  // that one generation shall have; records are kept for generations that still drain
  unsigned queue_size = 1024;
  unsigned sidecars = 0;  // of all generations together
  unsigned spares = 1;    // so many times as many workers there may be for a while
  [[nodiscard]] unsigned workers_of_generation() const { return workers_max * spares; }
};

inline constexpr unsigned kTemplateRecords = 4;
inline constexpr unsigned kGenerationsAtOnce = 4;

// State of the whole server. Only the master writes here.
struct Global {
  std::atomic<uint32_t> active_generation;  // workers of others take no new requests; 0: nobody does, they wait
  std::atomic<uint32_t> canary_generation;  // but for this one, which is being tried; 0: none
  std::atomic<uint32_t> log_reopened;       // how often; see log::Following
  std::atomic<uint32_t> stopping;           // the server shuts down
  std::atomic<uint64_t> respawns;
  std::atomic<uint64_t> not_rewound[static_cast<size_t>(NotRewound::count)];  // workers that ended so, by reason
  std::atomic<uint32_t> forks_each;  // isolation = "rewind", and the active generation forks for each request instead
  std::atomic<uint64_t> dropped_plugins;  // a bit each: taken out because it keeps crashing gateways
  std::atomic<uint32_t> root_version;     // changes when `root` does
  char root[4096];                        // resolved document root of the active generation, NUL terminated
};

// What gateways tell the master, beside what is in orders and records.
struct GatewayWords {
  std::atomic<uint32_t> worker_target;  // see Exchange::worker_target()
  std::atomic<uint32_t> audit_asked;    // there are requests; taken back by the master when there are none
};

// What workers tell the master and one another.
struct WorkerWords {
  std::atomic<uint32_t> reload_asked;     // a worker wants a new generation; taken by the master
  std::atomic<uint32_t> leaving_watched;  // the master is going to look at ProcessRecord::left_at
  // By the workers of which generation.
  std::atomic<uint32_t> warned[static_cast<size_t>(SharedWarning::count)];
  std::atomic<uint32_t> told[static_cast<size_t>(NotRewound::count)];
};

class Exchange {
 public:
  // The regions to ask the arena for.
  static std::vector<arena::Region> regions(const ExchangeOptions& options);
  static Result<Exchange> create(arena::Arena& arena, const ExchangeOptions& options);

  // In a new process, before anything of it runs that is not ours: what is not its to write is read-only from here on.
  // `position` is that of a worker or sidecar among those of its kind. Ends the process when that cannot be done.
  void enter(Role role, unsigned position = 0) const;

  [[nodiscard]] const ExchangeOptions& options() const { return options_; }
  [[nodiscard]] Global& global() const { return *global_; }
  [[nodiscard]] GatewayWords& gateway_words() const { return *gateway_words_; }
  [[nodiscard]] WorkerWords& worker_words() const { return *worker_words_; }
  // How many workers the active generation shall have. Gateways set it: plugins in them decide.
  [[nodiscard]] unsigned worker_target() const;

  // --- process table
  [[nodiscard]] std::span<ProcessRecord> records() const { return records_; }
  [[nodiscard]] std::span<Assignment> assignments() const { return assignments_; }
  // `record` is one of records().
  [[nodiscard]] unsigned index_of(const ProcessRecord& record) const {
    return static_cast<unsigned>(&record - records_.data());
  }
  [[nodiscard]] Assignment& assigned(const ProcessRecord& record) const { return assignments_[index_of(record)]; }
  [[nodiscard]] Sleep& sleep(unsigned record) const { return sleeps_[record]; }
  static constexpr unsigned first_worker_record() { return 0; }
  [[nodiscard]] unsigned worker_records() const { return options_.workers_of_generation() * kGenerationsAtOnce; }
  [[nodiscard]] std::span<ProcessRecord> workers() const { return records_.first(worker_records()); }
  [[nodiscard]] unsigned first_sidecar_record() const { return worker_records(); }
  [[nodiscard]] std::span<ProcessRecord> sidecars() const {
    return records_.subspan(first_sidecar_record(), options_.sidecars);
  }
  [[nodiscard]] unsigned first_template_record() const { return first_sidecar_record() + options_.sidecars; }
  [[nodiscard]] unsigned gateway_record(unsigned gateway) const {
    return first_template_record() + kTemplateRecords + gateway;
  }
  [[nodiscard]] unsigned master_record() const { return gateway_record(options_.gateways); }
  // A worker over its time limit, in that request (see overdue_mark). Set by a gateway, cleared by the master.
  [[nodiscard]] std::atomic<uint64_t>& overdue(unsigned worker) const { return overdue_[worker]; }

  // --- slots
  [[nodiscard]] std::span<Slot> slots() const { return slots_; }
  [[nodiscard]] std::span<Order> orders() const { return orders_; }
  [[nodiscard]] unsigned slots_per_gateway() const;
  [[nodiscard]] char* request_area(uint32_t slot) const { return areas_ + uint64_t{slot} * kRequestArea; }
  [[nodiscard]] RequestQueue& queue() { return queue_; }

  // --- bodies that wait in files
  [[nodiscard]] const BodyDesk& body_desk() const { return body_desk_; }
  [[nodiscard]] unsigned gateway_of(uint32_t slot) const { return slot / slots_per_gateway(); }
  // Bytes, of all gateways.
  [[nodiscard]] uint64_t spooled() const;
  // In a process that runs PHP, before anything of it runs: descriptors by which it could hold others up are closed.
  void leave_to_php();

  // Of the worker that the slot names: what it has published there and nobody has consumed, a bit for each block.
  [[nodiscard]] uint64_t blocks_under_way(uint32_t slot) const;

  // --- blocks: index = worker position (record - first_worker_record) * kBlocksPerWorker + bit
  [[nodiscard]] char* block(uint32_t index) const { return blocks_ + uint64_t{index} * kBlockSize; }

  // --- completions: one bit per slot of a gateway, set by workers and the master, taken by the gateway
  [[nodiscard]] std::span<std::atomic<uint64_t>> ready_bits(unsigned gateway) const;
  // Says that `slot` has news for its gateway, and pokes the gateway if it sleeps.
  void announce(uint32_t slot) const;

  // May workers of that generation take requests now?
  [[nodiscard]] bool serves(uint32_t generation) const;
  // `fd` becomes readable when sources have changed: from then on nobody takes requests until the master has looked.
  void watch_changes(int fd) { changes_ = fd; }

  // --- wake-ups
  void poke_gateway(unsigned gateway) const;
  void poke_all_gateways() const;
  void poke_master() const;
  [[nodiscard]] const Doorbell& gateway_bell(unsigned gateway) const { return gateway_bells_[gateway]; }
  [[nodiscard]] const Doorbell& master_bell() const { return master_bell_; }
  // Wakes up to `count` parked workers of generations that serve. Returns how many it has found.
  unsigned wake_workers(unsigned count) const;
  // How many queued requests the workers that are awake get to in that time, going by what their last ones took. One
  // whose present request takes longer than that already does not count.
  [[nodiscard]] unsigned taken_within(int64_t ns, int64_t now) const;
  // Wakes every process that sleeps, to look around.
  void wake_all() const;
  // Whatever its word says: it may have been scribbled over.
  void wake(unsigned worker) const;

  // May a process spin now, or would it take the processor from one with work? Counts who is awake.
  [[nodiscard]] bool processor_to_spare() const;

 private:
  Exchange() = default;
  unsigned wake_generation(uint32_t generation, unsigned count) const;

  arena::Arena* arena_ = nullptr;
  ExchangeOptions options_;
  unsigned processors_ = 1;
  Global* global_ = nullptr;
  GatewayWords* gateway_words_ = nullptr;
  WorkerWords* worker_words_ = nullptr;
  std::span<Assignment> assignments_;
  std::span<ProcessRecord> records_;
  Sleep* sleeps_ = nullptr;
  std::atomic<uint64_t>* overdue_ = nullptr;
  std::span<Slot> slots_;
  std::span<Order> orders_;
  std::atomic<uint64_t>* ready_ = nullptr;
  char* areas_ = nullptr;
  char* blocks_ = nullptr;
  RequestQueue queue_;
  std::vector<Doorbell> gateway_bells_;
  BodyDesk body_desk_;
  Doorbell master_bell_;
  int changes_ = -1;
};

}  // namespace askr::exchange
