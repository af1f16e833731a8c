// The error log: lines for a person, on standard error or in a file. One per process, opened by the master, inherited.
//
// A line: `2026-01-31 12:00:00.123 warning worker 3: text`. The format strings are fmt's. Messages of one line only:
// newlines inside an argument are written as `\n`, so a request cannot forge a line; neither do bytes that are no UTF-8
// get through, nor what acts on a terminal or on the direction of the text. Nothing here waits for a reader: lines that
// a pipe or a terminal does not take are lost and counted (log_sink.hpp).
#pragma once

#include <fmt/core.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace askr {
struct Account;
}

namespace askr::log {

enum class Level { debug, info, warning, error };

// Opens `path` (empty: standard error) for appending. Called once by the master before it forks. `account`: as for
// open_log_file().
Result<> open(const std::string& path, Level threshold, const Account* account = nullptr);
// Log rotation: the master opens the same path again (reopen_for_all), since others may not have the rights to. Each
// other process takes a copy of that descriptor before its next line when `reopenings`, in shared memory, has changed.
// No signal tells it to, which would cut short what PHP sleeps in. Made once by the master before it forks.
class Following {
 public:
  explicit Following(const std::atomic<uint32_t>& reopenings);
  ~Following();
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;
};
// In the master: the new file is there for all before `reopenings` tells them.
void reopen_for_all(std::atomic<uint32_t>& reopenings);
// In a child of the master: it takes what the master opens, and puts nothing there itself.
void settle_child();
// Before this process makes its standard error something else: lines go where they went.
void leave_standard_error();
// For a process that is about to wait, and would hold the old file meanwhile.
void reopen_if_asked();
// What the counter was when this process last looked.
uint32_t reopenings();
// A line of a program that is not ours: with nothing in front, and with what could forge a line escaped.
void pass_on(std::string_view line);
// Who is speaking: "master", "gateway 0", "worker 3". Called once after each fork.
void set_speaker(std::string_view name);
// Level from "debug", "info", "warning", "error"; error for anything else.
Result<Level> parse_level(std::string_view name);

void write(Level level, std::string_view text);
bool enabled(Level level);

// Formats in log.cpp: callers know of fmt only what checks their format strings.
void write_formatted(Level level, fmt::string_view format, fmt::format_args args);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug)) write_formatted(Level::debug, format, fmt::make_format_args(args...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::info)) write_formatted(Level::info, format, fmt::make_format_args(args...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::warning)) write_formatted(Level::warning, format, fmt::make_format_args(args...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write_formatted(Level::error, format, fmt::make_format_args(args...));
}

}  // namespace askr::log
