// BodyChannel: how a worker comes by a request body that is too large for its slot and waits in a file.
//
// The file has no name, and no number may stand for it: those of descriptors and processes are given to others in time,
// and whoever opens one late reads what is another client's. So the worker that has taken a request asks its gateway
// for it, by slot and ticket, and is handed the descriptor itself. With its question it sends one end of a new pair of
// sockets, on which only this answer can come.
//
// A gateway that has died answers through its successor, which has no such request and hangs up.
// Rejected: /proc/PID/fd/N with a check of what was opened. It takes the right to look into the gateway's process,
// which nobody has after that has changed its user or was given capabilities. Descriptors sent ahead: which worker
// takes a request is not known before one has.
#pragma once

#include <cstdint>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr::exchange {

// One for each gateway, made by the master before any fork.
class BodyChannel {
 public:
  static Result<BodyChannel> create();

  // A worker's end. Waits until the gateway has answered; without a descriptor: it has no such request.
  [[nodiscard]] UniqueFd ask(uint32_t slot, uint32_t ticket) const;

  struct Question {
    uint32_t slot, ticket;
    UniqueFd answer;  // closing it says no; none: who asked does not wait
  };
  // The gateway's end. Never blocks. False: nobody asks now.
  bool next(Question& question) const;
  static void answer(const Question& question, const UniqueFd& file);
  // Readable when somebody asks.
  [[nodiscard]] int gateway_end() const { return gateway_end_.get(); }
  // In processes that are no gateway: what they cannot read, they cannot answer.
  void close_gateway_end() { gateway_end_.reset(); }

 private:
  UniqueFd gateway_end_, worker_end_;
};

}  // namespace askr::exchange
