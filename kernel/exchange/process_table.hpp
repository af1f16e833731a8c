// The process table (region kernel.workers): one record per process of the server. Every gauge that anybody reports is
// computed from it and from the slots, so none can drift.
//
// A record is written by its process, except where a field says otherwise. Index order: master, gateways, workers,
// templates, sidecars.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace askr::exchange {

enum class Role : uint32_t { none, master, gateway, template_, worker, sidecar };
// Values of ProcessRecord::retire.
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

struct alignas(128) ProcessRecord {
  // --- written by the master when it starts the process
  std::atomic<Role> role;
  std::atomic<int32_t> pid;
  std::atomic<uint32_t> index;  // worker 3, gateway 0
  std::atomic<uint32_t> generation;
  std::atomic<int64_t> started;  // monotonic ns
  std::atomic<uint32_t> retire;  // not 0: stop, see kRetireNow; set by the master
  char name[kNameSize];          // of a sidecar: "queue 0", NUL-terminated

  // --- written by the process
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

  // --- worker: sleeping and waking
  alignas(64) std::atomic<uint32_t> parked;  // 1: sleeps on this futex; whoever swaps it to 0 wakes it
  std::atomic<uint32_t> window;              // futex: bumped by the gateway for each block it gives back
  std::atomic<uint32_t> window_waiting;      // 1: the worker sleeps on `window`

  // --- worker: its response blocks. A set bit is a free block. Taken by the worker, given back by a gateway.
  alignas(64) std::atomic<uint64_t> free_blocks;
  // slot + 1 once the block was published, 0 while it is written. Cleared before the block is taken.
  std::array<std::atomic<uint32_t>, kBlocksPerWorker> block_slot;

  // --- worker: 1: it has made its folder for uploads. Set by the worker, cleared by the master, which removes that.
  std::atomic<uint32_t> has_uploads;

  // --- worker: over its time limit, in that request (see overdue_mark). Set by a gateway, cleared by the master.
  std::atomic<uint64_t> overdue;

  // --- gateway: index + 1 of a plugin. Which one it was in when it died, and which one has blocked its loop (set when
  // that is noticed, taken back by the master when it has said so).
  std::atomic<uint32_t> crashed_in, blocked_in;

  // --- gateway
  std::atomic<uint32_t> sleeping;      // 1: in epoll_wait, wants a poke
  std::atomic<uint32_t> root_version;  // of Global, that it follows
  std::atomic<uint32_t> connections;   // open client connections
  std::atomic<uint64_t> shed;          // queued requests that were dropped because their clients had gone
  std::atomic<uint64_t> spooled;       // bytes of bodies that wait in files

  // --- last words of a dying worker or sidecar (leave_note)
  std::atomic<uint32_t> note_size;
  char note[kNoteSize];
};

// Since when an idle worker has nothing to do. One that never comes to sleep is known by its last request.
inline int64_t idle_since(const ProcessRecord& worker) {
  return std::max({worker.started.load(std::memory_order_relaxed), worker.last_request.load(std::memory_order_relaxed),
                   worker.slept_at.load(std::memory_order_relaxed)});
}
// Names one request for ProcessRecord::overdue; 0 names none. The slot alone would soon be another one's.
inline uint64_t overdue_mark(uint32_t slot, uint32_t ticket) {
  return uint64_t{ticket} << 32 | (slot + 1);
}
inline uint32_t slot_of_mark(uint64_t mark) {
  return static_cast<uint32_t>(mark) - 1;
}
// Async-signal-safe: what a process was doing when it died, "PHP at /a/b.php:12" or a backtrace of several lines, for
// the master to log. Truncated to what fits.
void leave_note(ProcessRecord& record, const char* text, size_t size);

}  // namespace askr::exchange
