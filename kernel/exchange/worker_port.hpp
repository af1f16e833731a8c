// WorkerPort: a worker's end of the exchange. Takes a request from the queue, writes the response back in blocks.
//
// Plain blocking code, no allocation after construction, no exceptions, so PHP may longjmp across its callers.
// One per worker process, made after the fork. A response is: interim()*, head(), body()*, finish().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exchange/not_rewound.hpp"
#include "exchange/request_view.hpp"
#include "exchange/shared_warning.hpp"

namespace askr::exchange {

class Exchange;
struct ProcessRecord;

enum class Wait : uint8_t {
  request,  // request() is ours
  retire,   // stop: drain, recycle or the end of the generation
};

enum class Written : uint8_t {
  ok,
  client_gone,  // nobody listens any more; further output is dropped
  too_large,    // head does not fit a block (32 KB)
};

class WorkerPort {
 public:
  WorkerPort(Exchange& exchange, unsigned worker_index, uint32_t generation);
  ~WorkerPort();
  WorkerPort(const WorkerPort&) = delete;
  WorkerPort& operator=(const WorkerPort&) = delete;

  // Requests to be run before the first one of a client, each as encode_request() has written it: wait() hands them
  // out, and what is answered goes nowhere. Before mark_ready().
  void set_rehearsals(std::vector<std::string> encoded);
  [[nodiscard]] bool rehearses() const;
  [[nodiscard]] size_t rehearsals_left() const;
  // One of them was answered 5xx, or not at all. The note says which; wait() answers `retire` from then on.
  [[nodiscard]] bool rehearsal_failed() const;

  // Tells the master that this worker has booted; with rehearsals, once they are over. Called once, before the first
  // wait().
  void mark_ready();

  // Blocks until a request is ours or the worker shall stop. `never` recycles by itself: the caller counts requests.
  Wait wait();
  [[nodiscard]] const RequestView& request() const;

  // Reads the next bytes of the body; 0 at its end. Errors of a spool file end the body and return -1.
  int64_t read_body(char* buffer, size_t size);

  // A field of a response head; the bytes are copied by the call.
  struct HeadField {
    std::string_view name, value;
  };
  // A 1xx response, sent at once.
  Written interim(int status, const HeadField* fields, size_t count);
  // The final head. Kept back until body bytes follow, flush() or finish().
  Written head(int status, std::string_view reason, const HeadField* fields, size_t count);
  // Appends to the body. Blocks while the gateway is behind by the whole window (back-pressure).
  Written body(const char* data, size_t size);
  // What was written so far goes to the client now, and from here on as it comes (streaming).
  Written flush();
  // The response is complete. Further output is dropped. Calling it again does nothing.
  void finish();
  // The response cannot be completed (fatal error after the head was sent): the client is made to notice.
  void abort();
  [[nodiscard]] bool finished() const;
  [[nodiscard]] bool head_sent() const;
  [[nodiscard]] bool client_gone() const;

  // Asks the master for a new generation (askr reload).
  void ask_for_reload();
  // This process is a copy that the application has made of a worker (pcntl_fork()). It has no request, what it writes
  // goes nowhere, and wait() answers `retire`.
  [[nodiscard]] bool is_copy() const;
  // The application has forked since the last checkpoint.
  [[nodiscard]] bool has_forked() const;
  void set_forked(bool forked);
  // The error log was reopened since this process began.
  [[nodiscard]] bool log_was_reopened() const;
  // Of all workers of its generation, once.
  [[nodiscard]] bool is_first_to_warn(SharedWarning warning);
  // isolation = "rewind": the master wants this worker to be rewound.
  [[nodiscard]] bool may_rewind() const;
  // For the master, which counts when this worker has ended. True: no worker of its generation has said so before.
  bool note_not_rewound(NotRewound reason);
  // Requests of clients so far.
  [[nodiscard]] uint64_t served() const;
  // Bytes that this process shares with no other one, as last measured: between requests, at most once a second.
  [[nodiscard]] uint64_t private_memory() const;

  // The request is over for the server, and what runs until the next wait() is the application's: the master ends a
  // worker that takes longer for it than a request may run.
  void leave_request();

  // Shows this worker as one that works for no client, after its response; wait() takes it back.
  void set_deferred(bool deferred);

  // Among the workers of all generations.
  [[nodiscard]] unsigned position() const;
  // This worker's, for its last words (leave_note in process_table.hpp).
  [[nodiscard]] ProcessRecord& record() const;

 private:
  struct State;
  static void watch_forks(State* state);
  std::unique_ptr<State> state_;
};

}  // namespace askr::exchange
