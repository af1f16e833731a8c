#include "php/worker_hooks.hpp"

#include <utility>

#include "php/callables.hpp"
#include "php/state.hpp"
#include "php/time_limit.hpp"

namespace askr::php {
namespace {

askr_request current{};  // {0}: between requests, or its end has run

}  // namespace

void run_request_begin() {
  static uint64_t last = 0;
  current = {++last};
  for (const WorkerHook& hook : state.options.plugins.request_begin) hook.function(hook.self, current);
}

void run_request_end() {
  if (current.id == 0 || state.port->is_copy()) return;
  const askr_request ended = std::exchange(current, {});
  // The limit of the request is not one for what comes after it.
  if (has_callables()) suspend_time_limit();
  state.ending = true;
  for (const WorkerHook& hook : state.options.plugins.request_end) hook.function(hook.self, ended);
  state.ending = false;
  release_leftovers();
}

}  // namespace askr::php
