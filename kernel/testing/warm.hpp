// The warm process: boots PHP and the runner once, and forks a process for each piece. A child of the coordinator, and
// the parent of all pieces, so that a test which kills its parent kills something that can be had again.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.hpp"
#include "exchange/process_table.hpp"
#include "testing/channel.hpp"
#include "testing/options.hpp"

namespace askr::testing {

// Orders to the warm process, over a SOCK_SEQPACKET pair.
struct Order {
  enum class What : uint32_t { output, fork, reap, finish } what;
  uint32_t slot = 0;  // fork: which of the processes at once, from 0
  int32_t pid = 0;    // reap
};
// `output` comes with a descriptor, where the next piece writes its standard output to; `fork` with the socket of its
// channel.

struct Answer {
  enum class What : uint32_t { forked, reaped } what;
  uint32_t slot = 0;
  int32_t pid = 0;     // forked: negative if it was not possible
  int32_t status = 0;  // reaped: as of waitpid()
};

struct WarmProcess {
  pid_t pid = 0;
  UniqueFd orders;  // our end
  Channel events;   // its plan, and whatever the runner reports outside a piece
  UniqueFd output;  // what it prints; never waited for

  // False: it is not there any more. `descriptor` goes with it.
  bool send(const Order& order, int descriptor = -1) const;
  // What is there to read.
  std::string read_output();
};

// `records` is shared memory with one record for each slot. `settings` is what the runner gets.
Result<WarmProcess> start_warm_process(const TestOptions& options, const std::string& settings,
                                       exchange::ProcessRecord* records);

}  // namespace askr::testing
