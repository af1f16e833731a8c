// When a worker has served enough: by requests, or by what its memory has grown since its first one.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "php/state.hpp"
#include "php/zend.hpp"

namespace askr::php {

class Recycling {
 public:
  // In a worker that is ready.
  void start();
  void count() {
    ++served_;
    if (at_start_ == 0) at_start_ = state.port->private_memory();
  }
  [[nodiscard]] bool is_due() const {
    if (state.options.isolate && !state.rewinds) return served_ > 0;
    // Rewinding takes the own count back.
    if (limit_ > 0 && std::max(served_, state.port->served()) >= limit_) return true;
    const uint64_t growth = state.options.max_growth;
    if (growth == 0) return false;
    // What PHP has asked the system for is known at once; all that the process has is measured now and then.
    const bool has_grown = at_start_ > 0 && state.port->private_memory() > at_start_ + growth;
    return has_grown || zend_memory_usage(true) > heap_at_start_ + growth;
  }

 private:
  uint64_t served_ = 0;
  uint64_t limit_ = 0;     // requests; 0: none
  uint64_t at_start_ = 0;  // bytes, as first measured
  uint64_t heap_at_start_ = 0;
};

// The limit is spread by up to a tenth, so that workers that started together are not recycled together.
inline void Recycling::start() {
  const uint64_t limit = state.options.max_requests;
  const uint64_t tenth = limit / 10;
  limit_ = tenth == 0 ? limit : limit - static_cast<uint64_t>(::getpid()) * 2654435761U % (tenth + 1);
  heap_at_start_ = zend_memory_usage(true);
}

}  // namespace askr::php
