// Rewinding: after a request, the process becomes again what it was before it. For isolation = "rewind".
//
// Throwing a process away after each request and forking another one is exact and costs 3 to 6 ms of processor time,
// nearly all of it for page tables: built by fork(), broken up by page faults, taken down by exit(). A rewound process
// keeps its page tables. What a request has written to is known from /proc/self/pagemap (it is not shared with the
// template any more), and is copied back:
//
//   template  take_image(): all that can be written to, copied once into shared memory
//   worker    take_checkpoint(): what differs from the image in this worker is kept aside
//   request   ...
//   worker    rewind(): copies the pages back that requests have written to, and goes on inside take_checkpoint()
//
// Pages stay this process's own once they were written to, so most requests cause no page fault at all, and then the
// list of pages is complete as it is. When there were faults, or the address space has changed, the list is made again.
// What the kernel keeps (descriptors, signal handlers, timers, umask, directory) is put back as well. Where something
// cannot be put back (children, threads, another user, memory of the boot that was unmapped) rewind() returns: the
// process ends, and a fork takes its place. After a fork of the application's own, pages that were written to may be
// shared again, so its process is not rewound either.
//
// Rejected: userfaultfd and PAGEMAP_SCAN (not in the kernels of today's distributions); private mappings of a memfd
// dropped by MADV_DONTNEED (the page faults are most of what is to be saved).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "exchange/not_rewound.hpp"
#include "php/kernel_state.hpp"

namespace askr::php {

// In the template, before it allocates anything: pages must not be joined to huge ones behind our back.
void prepare_for_rewinding();

// In the template, right before it forks its first worker.
bool take_image();

enum class Checkpoint : uint8_t {
  taken,        // this is the moment that rewind() leads back to
  rewound,      // here again
  unavailable,  // this process cannot be rewound
};
// In a worker. `of_the_server` are descriptors that no request can get at. Returns again for each rewind(), with all
// memory as it was the first time. Right after that it may be called again: then this is the moment from now on.
Checkpoint take_checkpoint(std::span<const int> of_the_server);

// Does not return, but where it cannot be done: then this process must not serve another request. Between requests.
exchange::NotRewound rewind(Look look);

}  // namespace askr::php
