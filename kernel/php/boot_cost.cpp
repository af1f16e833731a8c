// Processor time, so that neither a busy machine nor a database makes a boot look heavy. What PHP compiles does not
// count: without isolation opcache would have it for every request but the first.
#include "php/boot_cost.hpp"

#include <time.h>

#include <cstdint>
#include <utility>

#include "base/clock.hpp"
#include "php/state.hpp"
#include "php/zend.hpp"

#include <fmt/core.h>

namespace askr::php {
namespace {

// What an empty request takes more with isolation than without, measured (docs/workers.md).
constexpr int64_t kRewinding = 300 * kMicrosecond;
constexpr int64_t kForking = 3 * kMillisecond;

int64_t began = 0;
int64_t compiling = 0;  // since then
zend_op_array* (*compile_file)(zend_file_handle*, int) = nullptr;

int64_t processor_time() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

extern "C" zend_op_array* askr_php_time_compilation(zend_file_handle* file, int type) {
  const int64_t before = processor_time();
  zend_op_array* code = compile_file(file, type);
  compiling += processor_time() - before;
  return code;
}

}  // namespace

void begin_boot_cost() {
  if (!state.options.isolate) return;
  compile_file = std::exchange(zend_compile_file, askr_php_time_compilation);
  compiling = 0;
  began = processor_time();
}

std::string judge_boot_cost() {
  if (compile_file == nullptr) return {};
  const int64_t took = processor_time() - began - compiling;
  if (zend_compile_file == askr_php_time_compilation) zend_compile_file = compile_file;
  const int64_t price = state.options.rewind ? kRewinding : kForking;
  if (took >= price) return {};
  return fmt::format("boot took {:.2f} ms: isolation costs more than it saves, about {:.1f} ms a request",
                     static_cast<double>(took) / kMillisecond, static_cast<double>(price) / kMillisecond);
}

}  // namespace askr::php
