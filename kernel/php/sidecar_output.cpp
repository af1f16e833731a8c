#include "php/sidecar_output.hpp"

#include <string>

#include "base/log.hpp"
#include "base/output_limit.hpp"

namespace askr::php {
namespace {

constexpr size_t kLongestLine = 8 << 10;

std::string unfinished_line;  // static, see zend.hpp

OutputLimit limit;

void log_line() {
  const bool dropped = limit.is_dropping();
  if (limit.admits(unfinished_line.size() + 1, monotonic_now())) {
    if (dropped) log::warning("{}", limit.take_report());
    log::info("{}", unfinished_line);
  }
  unfinished_line.clear();
}

}  // namespace

void log_sidecar_output(std::string_view text) {
  for (const char letter : text) {
    if (letter != '\n') unfinished_line += letter;
    if (letter == '\n' || unfinished_line.size() >= kLongestLine) log_line();
  }
}

void end_sidecar_output() {
  if (!unfinished_line.empty()) log_line();
}

}  // namespace askr::php
