#include "php/worker_hooks.hpp"

#include <utility>

#include "php/callables.hpp"
#include "php/state.hpp"
#include "php/time_limit.hpp"

namespace askr::php {
namespace {

askr_request current{};  // {0}: between requests, or its end has run

void run(const std::vector<WorkerHook>& hooks, askr_request request) {
  for (const WorkerHook& hook : hooks) {
    if (!state.options.plugins.is_out(hook)) hook.function(hook.self, request);
  }
}

}  // namespace

void run_request_begin() {
  static uint64_t last = 0;
  current = {++last};
  run(state.options.plugins.request_begin, current);
}

void run_request_end() {
  if (current.id == 0 || state.port->is_copy()) return;
  const askr_request ended = std::exchange(current, {});
  // The limit of the request is not one for what comes after it.
  if (has_callables()) suspend_time_limit();
  state.ending = true;
  run(state.options.plugins.request_end, ended);
  state.ending = false;
  release_leftovers();
}

}  // namespace askr::php
