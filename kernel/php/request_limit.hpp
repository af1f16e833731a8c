// How many requests a worker serves before it is replaced.
#pragma once

#include <unistd.h>

#include <cstdint>

#include "php/state.hpp"

namespace askr::php {

// 0: no limit. Call in the worker. Spread by up to a tenth, so that workers that started together are not recycled
// together.
inline uint64_t request_limit() {
  if (state.options.isolate) return 1;
  const uint64_t limit = state.options.max_requests;
  const uint64_t tenth = limit / 10;
  return tenth == 0 ? limit : limit - static_cast<uint64_t>(::getpid()) * 2654435761U % (tenth + 1);
}

}  // namespace askr::php
