#include "php/startup_output.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "base/fd.hpp"

namespace askr::php {
namespace {

// Of the capture under way. Static, because a process that exits on the way runs no destructors of the stack.
UniqueFd real_stderr;
UniqueFd caught;

std::string read_caught() {
  std::string text;
  char buffer[4096];
  off_t at = 0;
  for (ssize_t got = 0; (got = ::pread(caught.get(), buffer, sizeof buffer, at)) > 0; at += got) {
    text.append(buffer, static_cast<size_t>(got));
  }
  return text;
}

void show_at_exit() {
  if (!caught) return;
  const std::string text = release_startup_output();
  for (size_t written = 0; written < text.size();) {
    const ssize_t part = ::write(STDERR_FILENO, text.data() + written, text.size() - written);
    if (part <= 0) return;
    written += static_cast<size_t>(part);
  }
}

}  // namespace

Result<> capture_startup_output() {
  UniqueFd memory(::memfd_create("php-startup", MFD_CLOEXEC));
  if (!memory) return system_error("cannot make a buffer for PHP's start-up messages");
  real_stderr.reset(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
  if (!real_stderr || ::dup2(memory.get(), STDERR_FILENO) < 0) return system_error("cannot redirect standard error");
  caught = std::move(memory);
  std::atexit(show_at_exit);
  return ok();
}

std::string release_startup_output() {
  std::string text = read_caught();
  ::dup2(real_stderr.get(), STDERR_FILENO);
  real_stderr.reset();
  caught.reset();
  return text;
}

}  // namespace askr::php
