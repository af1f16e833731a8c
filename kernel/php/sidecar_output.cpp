#include "php/sidecar_output.hpp"

#include <string>

#include "base/output_limit.hpp"

namespace askr::php {
namespace {

constexpr size_t kLongestLine = 8 << 10;

std::string unfinished_line;  // static, see zend.hpp

OutputLimit limit;

void log_line() {
  log_sidecar_message(log::Level::info, unfinished_line);
  unfinished_line.clear();
}

}  // namespace

void log_sidecar_message(log::Level level, std::string_view message) {
  const bool dropped = limit.is_dropping();
  if (!limit.admits(message.size() + 1, monotonic_now())) return;
  if (dropped) log::warning("{}", limit.take_report());
  log::write(level, message);
}

void log_sidecar_output(std::string_view text) {
  for (const char letter : text) {
    if (letter != '\n') unfinished_line += letter;
    if (letter == '\n' || unfinished_line.size() >= kLongestLine) log_line();
  }
}

void end_sidecar_output() {
  if (!unfinished_line.empty()) log_line();
  if (limit.is_dropping()) log::warning("{}", limit.take_report());
}

}  // namespace askr::php
