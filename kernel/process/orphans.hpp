// Orphans: what a script has started in the background and outlived, as with exec('job &'). The kernel hands them to
// process 1, which has to take note of their ends, or they stay as zombies. In a container without an init that is the
// master.
#pragma once

#include <sys/types.h>

#include "exchange/exchange.hpp"

namespace askr::process {

// Whether this process is the one that gets the orphans of all others.
bool inherits_orphans();

enum class Orphans : uint8_t {
  none_ended,
  ask_again,  // a process of the server has ended as well, and has to be waited for by who supervises it first
};
// Takes note of the ends of children that are neither in the table nor `also_ours`.
Orphans reap_orphans(const exchange::Exchange& exchange, pid_t also_ours);

}  // namespace askr::process
