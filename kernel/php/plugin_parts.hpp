// What plugins have registered for PHP: functions for scripts, hooks of workers.
#pragma once

#include <askr/abi/php.h>
#include <askr/abi/pipeline.h>

#include <string>
#include <vector>

namespace askr::php {

struct PluginFunction {
  std::string plugin;
  const askr_php_function* function;
  void* self;
};

struct WorkerHook {
  std::string plugin;
  askr_hook function;
  void* self;
};

// Set before PHP starts, then only read.
struct PluginParts {
  std::vector<PluginFunction> functions;
  std::vector<WorkerHook> request_begin, request_end;
};

}  // namespace askr::php
