// Where the lines of the error log end: a file, a pipe, a terminal. It never waits for whoever reads there: a terminal
// on hold (Ctrl-S) or a pipe that nobody empties must not stop a server. What does not fit is lost and counted, and how
// much that was is said before the next line that fits.
#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr::log {

class LogSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  // On standard error, which belongs to other programs too: their descriptor is left as it is.
  LogSink();
  // On a descriptor of its own, non-blocking.
  explicit LogSink(UniqueFd own) : own_(std::move(own)) {}

  // Goes on with a descriptor of its own.
  void leave_standard_error();
  // A line that is complete but for its end.
  void pass_on(std::string_view line);

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  [[nodiscard]] int target() const { return own_ ? own_.get() : STDERR_FILENO; }
  std::string format(const spdlog::details::log_msg& message);
  bool tell_losses(const spdlog::details::log_msg& next);
  bool put(std::string_view line);

  UniqueFd own_;
  uint64_t lost_ = 0;
  bool is_torn_ = false;  // the last line has no end
};

}  // namespace askr::log
