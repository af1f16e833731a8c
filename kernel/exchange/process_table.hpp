// The process table: what the master has decided on each process (region kernel.policy), and what the process says of
// itself (region kernel.workers). Every gauge that anybody reports is computed from them and from the slots, so none
// can drift.
//
// Index order, in both: workers, sidecars, templates, gateways, master. The first ones are numbered as the parts of the
// regions are in which each of them writes to its own only.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace askr::exchange {

enum class Role : uint32_t { none, master, gateway, template_, worker, sidecar };
// Values of Assignment::retire.
inline constexpr uint32_t kRetireNow = 1;       // after the current request
inline constexpr uint32_t kRetireWhenIdle = 2;  // once the queue is empty: the master has died

// deferred: after a response; running: a sidecar.
enum class ProcessState : uint32_t { none, starting, idle, busy, draining, deferred, running };

const char* role_name(Role role);
const char* state_name(ProcessState state);

inline constexpr unsigned kBlocksPerWorker = 64;
inline constexpr uint32_t kBlockSize = 32U << 10;
inline constexpr size_t kNoteSize = 2048;
inline constexpr size_t kNameSize = 48;
inline constexpr size_t kRecordSize = 4096;

// What the master has decided on a process. Only the master writes here.
struct alignas(128) Assignment {
  std::atomic<Role> role;
  std::atomic<int32_t> pid;     // 0: there is none
  std::atomic<uint32_t> index;  // worker 3, gateway 0
  std::atomic<uint32_t> generation;
  std::atomic<int64_t> started;      // monotonic ns
  std::atomic<uint32_t> retire;      // not 0: stop, see kRetireNow
  std::atomic<uint32_t> may_rewind;  // worker: it shall be rewound after each request, where that is set
  char name[kNameSize];              // of a sidecar: "queue 0", NUL-terminated
};

// What a process says of itself: a page, so that no worker writes to another one's. Gateways and the master write here
// too, where a field says so. What a worker says is believed only as far as it harms no other one.
struct alignas(kRecordSize) ProcessRecord {
  std::atomic<int32_t> own_pid;    // for a master whose template died before it told of the fork
  std::atomic<uint32_t> orphaned;  // not 0: the master has died; as Assignment::retire
  std::atomic<ProcessState> state;
  std::atomic<uint32_t> current_slot;  // slot + 1, 0: none
  std::atomic<uint64_t> requests;      // completed
  std::atomic<uint64_t> errors;        // worker: of these, answered 5xx
  std::atomic<int64_t> last_request;   // monotonic ns of the last start
  std::atomic<uint32_t> ready;         // booted
  std::atomic<int64_t> ready_at;       // worker: monotonic ns, when that was
  std::atomic<int64_t> measured;       // when private_kb was, monotonic ns
  std::atomic<int64_t> left_at;   // worker: monotonic ns, when it was done with a request; 0: it has asked for the next
  std::atomic<int64_t> slept_at;  // worker: monotonic ns, when it went to sleep after its last request
  std::atomic<uint32_t> request_ns;  // worker: from one request to the next while more wait, an average; 0: not known
  std::atomic<uint32_t> private_kb;  // worker: memory that it shares with nobody, as last measured; 0: not yet
  std::atomic<uint32_t> window;      // worker, futex: bumped by the gateway for each block it gives back
  std::atomic<uint32_t> window_waiting;  // worker, 1: it sleeps on `window`
  std::atomic<uint32_t> not_rewound;     // worker: a NotRewound, when that is why it ends

  // --- worker: its response blocks. A set bit is a free block. Taken by the worker, given back by a gateway.
  alignas(64) std::atomic<uint64_t> free_blocks;
  // slot + 1 once the block was published, 0 while it is written. Cleared before the block is taken. A gateway takes a
  // block only for the slot that is named here, so nobody makes it send what another worker has written for another
  // one.
  std::array<std::atomic<uint32_t>, kBlocksPerWorker> block_slot;

  // --- worker: it waits for the body of the request that overdue_mark() names, 0: none, at that address (BodyRequest)
  std::atomic<uint64_t> body_wanted, body_address;

  // --- worker: 1: it has made its folder for uploads. Set by the worker, cleared by the master, which removes that.
  std::atomic<uint32_t> has_uploads;

  // --- gateway: index + 1 of a plugin. Which one it was in when it died, and which one has blocked its loop (set when
  // that is noticed, taken back by the master when it has said so).
  std::atomic<uint32_t> crashed_in, blocked_in;
  std::atomic<uint32_t> did_not_return;  // 1: `crashed_in` has not crashed, but kept the gateway for too long

  // --- gateway
  std::atomic<uint32_t> root_version;  // of Global, that it follows
  std::atomic<uint32_t> connections;   // open client connections
  std::atomic<uint64_t> shed;          // queued requests that were dropped because their clients had gone
  std::atomic<uint64_t> spooled;       // bytes of bodies that wait in files

  // --- last words of a dying worker or sidecar (leave_note)
  std::atomic<uint32_t> note_size;
  char note[kNoteSize];
};
static_assert(sizeof(ProcessRecord) == kRecordSize);

// Who sleeps. Everybody writes here: who wakes another one swaps its word to 0. A lost wake-up is made up for by the
// master (audit.hpp).
struct alignas(64) Sleep {
  std::atomic<uint32_t> parked;      // worker, 1: sleeps on this futex
  std::atomic<uint32_t> sleeping;    // gateway, 1: in epoll_wait, wants a poke
  std::atomic<uint32_t> body_asked;  // gateway, 1: some worker waits for a body
};

// Since when an idle worker has nothing to do. One that never comes to sleep is known by its last request.
inline int64_t idle_since(const Assignment& assigned, const ProcessRecord& worker) {
  return std::max({assigned.started.load(std::memory_order_relaxed),
                   worker.last_request.load(std::memory_order_relaxed),
                   worker.slept_at.load(std::memory_order_relaxed)});
}
// Names one request for Exchange::overdue() and ProcessRecord::body_wanted; 0 names none. The slot alone would soon be
// another one's.
inline uint64_t overdue_mark(uint32_t slot, uint32_t ticket) {
  return uint64_t{ticket} << 32 | (slot + 1);
}
inline uint32_t slot_of_mark(uint64_t mark) {
  return static_cast<uint32_t>(mark) - 1;
}
// Before a process is forked for it. What gateways still hold of its predecessor's blocks stays.
void begin_record(ProcessRecord& record);
// Async-signal-safe: what a process was doing when it died, "PHP at /a/b.php:12" or a backtrace of several lines, for
// the master to log. Truncated to what fits.
void leave_note(ProcessRecord& record, const char* text, size_t size);

}  // namespace askr::exchange
