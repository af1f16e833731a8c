#include "exchange/doorbell.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace askr::exchange {

Result<Doorbell> Doorbell::create() {
  Doorbell bell;
  bell.event_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!bell.event_) return system_error("cannot make an eventfd");
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return system_error("cannot make a pipe");
  bell.pipe_out_.reset(ends[0]);
  bell.pipe_in_.reset(ends[1]);
  return bell;
}

void Doorbell::leave_to_php() {
  event_.reset();
  pipe_out_.reset();
}

// When the counter or the pipe is full, the owner has an event before it already.
void Doorbell::ring() const {
  if (event_) {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
  } else {
    const char one = 1;
    [[maybe_unused]] const ssize_t written = ::write(pipe_in_.get(), &one, sizeof one);
  }
}

void Doorbell::answer_php() const {
  char rung[4096];
  [[maybe_unused]] const ssize_t got = ::read(pipe_out_.get(), rung, sizeof rung);
}

}  // namespace askr::exchange
