// When to have more workers, and when fewer: from figures to a number and the words for the log, without any I/O.
//
// Growing looks at what waits: as many workers as there are requests, running and waiting, in one step. Shrinking looks
// at what rests: workers that had nothing to do for `idle` are too many. Between the two lies that time, so the number
// does not flap. Rejected: rates and averages, which answer a burst when it is over, and steps of one worker, which
// reach forty in forty steps.
//
// Both results follow from the figures alone. The target before enters as a limit only: growing never lowers it,
// shrinking never raises it. So gateways that decide at the same time come to the same number.
#pragma once

#include <cstdint>
#include <string>

#include "askr/abi/workers.h"

namespace autoscale {

struct Limits {
  int64_t queue_wait = 0;       // nanoseconds that a request may wait before workers are added
  int64_t idle = 0;             // nanoseconds without work after which a worker is too many
  unsigned memory_percent = 0;  // of the memory limit, that may be in use
};

// What a worker is taken to need as long as none was measured.
inline constexpr uint64_t kWorkerGuess = uint64_t{48} << 20;
inline constexpr uint64_t kWorkerLeast = uint64_t{2} << 20;  // page tables and the like are in no figure of its own

struct Decision {
  uint32_t target = 0;
  std::string why;        // one line with the numbers; empty: the target stays
  std::string held_back;  // not empty: memory is too scarce for what is wanted, with the numbers
};

// For requests that wait.
Decision grow(const askr_workers_state& seen, const Limits& limits);
// For workers that rest: `idle` of them for longer than limits.idle. `seen` was read before they were counted.
Decision shrink(const askr_workers_state& seen, uint32_t idle, const Limits& limits);

}  // namespace autoscale
