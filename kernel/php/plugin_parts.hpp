// What plugins have registered for PHP: functions for scripts, hooks of workers.
#pragma once

#include <askr/abi/php.h>
#include <askr/abi/pipeline.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace askr::php {

struct PluginFunction {
  std::string plugin;
  uint64_t bit;  // in PluginParts::taken_out
  const askr_php_function* function;
  void* self;
};

struct WorkerHook {
  std::string plugin;
  uint64_t bit;
  askr_hook function;
  void* self;
};

// Set before PHP starts, then only read.
struct PluginParts {
  std::vector<PluginFunction> functions;
  std::vector<WorkerHook> request_begin, request_end;
  // Plugins that the master has taken out meanwhile, a bit each; nullptr: there is no master.
  const std::atomic<uint64_t>* taken_out = nullptr;

  template <class Part>
  [[nodiscard]] bool is_out(const Part& part) const {
    return taken_out != nullptr && (taken_out->load(std::memory_order_relaxed) & part.bit) != 0;
  }
};

}  // namespace askr::php
