// Where workers and sidecars are forked. The template's PHP asks for it, possibly deep inside a script, and goes on as
// one of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "exchange/process_table.hpp"
#include "exchange/worker_port.hpp"

namespace askr::php {

// What a forked process is: a worker, which has its end of the exchange, or a sidecar, which has a script to run. All
// of it lives as long as the process.
struct Forked {
  exchange::WorkerPort* port = nullptr;
  exchange::ProcessRecord* sidecar = nullptr;
  const exchange::Assignment* assigned = nullptr;  // of the sidecar
  std::string_view script = {};                    // absolute
};

class ForkPoint {
 public:
  ForkPoint() = default;
  virtual ~ForkPoint() = default;
  ForkPoint(const ForkPoint&) = delete;
  ForkPoint& operator=(const ForkPoint&) = delete;

  // In the template, once: says that workers can be forked from here, with `warnings` about what they will share, and
  // forks them on request. Returns in each forked process. The template itself ends inside.
  virtual Forked serve(const std::vector<std::string>& warnings) = 0;
};

}  // namespace askr::php
