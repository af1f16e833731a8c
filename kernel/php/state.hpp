// What the callbacks of PHP need to find: they take no argument of ours, so this is one variable per process.
#pragma once

#include <cstdint>
#include <string>

#include "exchange/worker_port.hpp"
#include "php/fork_point.hpp"
#include "php/options.hpp"

namespace askr::php {

// The last fatal error or uncaught exception, kept for the log line of a failed boot. Plain memory: it is written where
// PHP is about to longjmp.
struct Failure {
  bool seen = false;
  bool fatal = false;  // not an exception: PHP has left the code by longjmp
  uint32_t line = 0;
  char file[1024] = {};
  char message[2048] = {};
};

struct State {
  RuntimeOptions options;
  exchange::WorkerPort* port = nullptr;            // nullptr in the template
  exchange::ProcessRecord* sidecar = nullptr;      // in a sidecar
  const exchange::Assignment* assigned = nullptr;  // in a sidecar: what the master wants of it
  ForkPoint* fork_point = nullptr;                 // in the template, as long as it can fork
  const exchange::RequestView* request = nullptr;  // nullptr: PHP runs outside a request, its output goes nowhere
  std::string script_filename;                     // absolute path of the script of the current request
  std::string front_filename;                      // worker mode: of the script whose URLs the worker script answers
  Failure failure;                                 // of the current request, or of the boot
  bool worker_mode = false;
  bool handling = false;         // worker mode: the handler of a request runs
  bool booting = false;          // the worker script runs and has not yet asked for a request
  bool response_broken = false;  // the body cannot be completed; the client has to notice
  bool body_broken = false;      // the request's body cannot be read to its end: the script must not run
  bool drop_body = false;        // an error response was sent in place of what PHP writes
  bool ending = false;           // the hooks of request_end run
  bool rewinds = false;          // this worker goes back to its checkpoint after each request
  bool recycle = false;          // worker mode: the worker has to be replaced after this request
};

extern State state;

[[nodiscard]] inline bool request_is_open() {
  return state.request != nullptr && !state.port->finished();
}

}  // namespace askr::php
