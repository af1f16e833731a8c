// How a worker comes by a request body that is too large for its slot and waits in a file.
//
// The file has no name, and no number may stand for it: those of descriptors and processes are given to others in time,
// and whoever opens one late reads what is another client's. So the worker that has taken a request notes in its own
// record which one it is and the address of a socket, rings, and is handed the descriptor itself.
//
// A gateway that has died answers through its successor, which has no such request and says no.
// Rejected: /proc/PID/fd/N with a check of what was opened. It takes the right to look into the gateway's process,
// which nobody has after that has changed its user or was given capabilities. Descriptors sent ahead: which worker
// takes a request is not known before one has. A socket that workers have in common: one of them can shut it down for
// all. Messages to the gateway: it would have to close what descriptors come with them, which may take its time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "exchange/process_table.hpp"

namespace askr::exchange {

// A worker's side: a socket with an address of its own, for one body.
class BodyRequest {
 public:
  // Notes in `own`, the worker's record, that it waits for the body of the request that overdue_mark() names.
  BodyRequest(ProcessRecord& own, uint64_t request);
  ~BodyRequest();
  BodyRequest(const BodyRequest&) = delete;
  BodyRequest& operator=(const BodyRequest&) = delete;

  // Waits for what process `gateway` says, and calls `remind` at once and then every second: true goes on. No
  // descriptor: there is no such body.
  [[nodiscard]] UniqueFd wait(const std::atomic<int32_t>& gateway, const std::function<bool()>& remind) const;

 private:
  ProcessRecord& own_;
  UniqueFd socket_;
};

// The gateway's side.
class BodyDesk {
 public:
  static Result<BodyDesk> create();

  // Gives who waits by `worker` that file, to read, or says that there is none (-1). Never waits, and receives nothing.
  void answer(const ProcessRecord& worker, int file) const;
  // In processes that run PHP.
  void close() { socket_.reset(); }

 private:
  UniqueFd socket_;
};

}  // namespace askr::exchange
