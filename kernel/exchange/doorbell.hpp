// Doorbell: wakes a process that sleeps in its event loop.
//
// Processes that come from one another share what they have open: the counter of an eventfd, O_NONBLOCK, both ends of a
// pair of sockets. A worker that fills the counter, takes O_NONBLOCK away or shuts the socket down does it to all that
// hold the same, and the server would hang in a read or hear nobody any more. So there are two of them: an eventfd for
// the master and the gateways, and a pipe for processes that run PHP. Of the pipe these have the end to write to and
// nothing else; its other end, which they can open once more but not change, is the owner's.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr::exchange {

// Made by the master before any fork.
class Doorbell {
 public:
  static Result<Doorbell> create();

  // In a process that runs PHP, before anything of it runs.
  void leave_to_php();

  // Never waits but in processes that run PHP, and there only for the owner, if one of them has taken O_NONBLOCK away.
  void ring() const;

  // For the owner. To be watched edge-triggered, and never read: each ring is one event.
  [[nodiscard]] int own_side() const { return event_.get(); }
  // Readable when a process that runs PHP has rung.
  [[nodiscard]] int php_side() const { return pipe_out_.get(); }
  // Takes what has come through the pipe. Never waits.
  void answer_php() const;

 private:
  UniqueFd event_, pipe_out_, pipe_in_;
};

}  // namespace askr::exchange
