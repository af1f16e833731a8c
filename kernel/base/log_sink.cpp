#include "base/log_sink.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/append_lines.hpp"

namespace askr::log {
namespace {

bool is_of_kind(int file, mode_t kind) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && (status.st_mode & S_IFMT) == kind;
}

// The pipe or terminal behind `file`, opened once more: O_NONBLOCK would hold for all who share the description of the
// first. None for anything else, and where this user may not open it, as after su.
UniqueFd open_again(int file) {
  if (!is_of_kind(file, S_IFIFO) && !is_of_kind(file, S_IFCHR)) return {};
  const std::string path = fmt::format("/proc/self/fd/{}", file);
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

bool takes_something(int file) {
  pollfd ready{file, POLLOUT, 0};
  return ::poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
}

// How much of `text` got there. A pipe that poll() calls writable takes PIPE_BUF bytes without waiting for room.
size_t write_now(int file, std::string_view text) {
  if (is_of_kind(file, S_IFREG)) return append_lines(file, text);
  size_t done = 0;
  while (done < text.size() && takes_something(file)) {
    const ssize_t written = ::write(file, text.data() + done, std::min<size_t>(text.size() - done, PIPE_BUF));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    done += static_cast<size_t>(written);
  }
  return done;
}

}  // namespace

LogSink::LogSink() : own_(open_again(STDERR_FILENO)) {}

std::string LogSink::format(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t formatted;
  formatter_->format(message, formatted);
  return {formatted.data(), formatted.size()};
}

void LogSink::sink_it_(const spdlog::details::log_msg& message) {
  if (!tell_losses(message) || !put(format(message))) ++lost_;
}

bool LogSink::tell_losses(const spdlog::details::log_msg& next) {
  if (lost_ == 0) return true;
  const std::string text =
      fmt::format("{} line{} of this log lost: there was no room for them", lost_, lost_ == 1 ? "" : "s");
  if (!put(format({next.time, {}, next.logger_name, spdlog::level::warn, text}))) return false;
  lost_ = 0;
  return true;
}

void LogSink::leave_standard_error() {
  if (!own_) own_.reset(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

void LogSink::pass_on(std::string_view line) {
  if (!put(std::string(line) + '\n')) ++lost_;
}

bool LogSink::put(std::string_view line) {
  const std::string whole = std::string(is_torn_ ? "\n" : "").append(line);
  const size_t done = write_now(target(), whole);
  if (done > 0) is_torn_ = done < whole.size();
  return done == whole.size();
}

}  // namespace askr::log
