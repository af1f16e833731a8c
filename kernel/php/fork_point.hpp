// Where workers are forked. The template's PHP asks for it, possibly deep inside a script, and goes on as a worker.
#pragma once

#include <string>
#include <vector>

#include "exchange/worker_port.hpp"

namespace askr::php {

class ForkPoint {
 public:
  ForkPoint() = default;
  virtual ~ForkPoint() = default;
  ForkPoint(const ForkPoint&) = delete;
  ForkPoint& operator=(const ForkPoint&) = delete;

  // In the template, once: says that workers can be forked from here, with `warnings` about what they will share, and
  // forks them on request. Returns in each worker, with its end of the exchange, which lives as long as the process.
  // The template itself ends inside.
  virtual exchange::WorkerPort& serve(const std::vector<std::string>& warnings) = 0;
};

}  // namespace askr::php
