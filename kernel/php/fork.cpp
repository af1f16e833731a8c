// A worker must not draw the random numbers of its siblings, so PHP's generators seed themselves again; OpenSSL notices
// by itself that it is in another process. Timers do not live through fork(). Everything else that workers would share
// without knowing is the application's, which is told (fork_hazards.cpp) and asked (the hooks).
#include "php/fork.hpp"

#include <malloc.h>

#include <utility>
#include <vector>

#include "base/join.hpp"
#include "php/boot_cost.hpp"
#include "php/callables.hpp"
#include "php/crash.hpp"
#include "php/fork_hazards.hpp"
#include "php/random_state.hpp"
#include "php/request_objects.hpp"
#include "php/rewind.hpp"
#include "php/sidecar.hpp"
#include "php/state.hpp"
#include "php/test_run.hpp"
#include "php/time_limit.hpp"
#include "php/uploads.hpp"

#include <fmt/core.h>

namespace askr::php {
namespace {

std::vector<zval> before_fork, after_fork;
std::string why_refused;

bool add(std::vector<zval>& hooks, zval* callable) {
  if (!can_fork() && !is_test_run()) return false;
  hooks.emplace_back();
  ZVAL_COPY(&hooks.back(), callable);
  return true;
}

// False: one of them has thrown.
bool call_all(const std::vector<zval>& hooks) {
  for (const zval& hook : hooks) {
    zval function = hook;
    zval result;
    ZVAL_UNDEF(&result);
    call_user_function(nullptr, nullptr, &function, &result, 0, nullptr);
    zval_ptr_dtor(&result);
    if (EG(exception) != nullptr) return false;
  }
  return true;
}

void release(std::vector<zval>& hooks) {
  for (zval& hook : hooks) zval_ptr_dtor(&hook);
  hooks.clear();
}

// What a worker touches it has to copy, so the template gives back what it does not need.
void tidy_memory() {
  php_clear_stat_cache(false, nullptr, 0);  // workers are forked for as long as the template lives
  zend_gc_collect_cycles();
  zend_mm_gc(zend_mm_get_heap());
  ::malloc_trim(0);
}

void become(const Forked& forked) {
  state.fork_point = nullptr;
  reseed_php();
  separate_open_files();
  if (forked.sidecar != nullptr) {
    become_sidecar(*forked.sidecar, *forked.assigned, forked.script);
    return;
  }
  state.port = forked.port;
  use_upload_dir_of_worker();
  install_signal_handlers(forked.port->record());
  prepare_callables();
}

bool refuse(const std::vector<std::string>& hazards) {
  if (!state.options.cow_strict || hazards.empty()) return false;
  why_refused = fmt::format("the template cannot be forked (worker.cow_strict): {}", join(hazards, "; "));
  return true;
}

// Apart from fork_here() because nothing with a destructor may be alive when a hook runs.
bool fork_unless_refused() {
  if (state.options.isolate) remember_boot_objects();
  std::vector<std::string> hazards = find_fork_hazards();
  if (refuse(hazards)) return false;
  if (std::string why = judge_boot_cost(); !why.empty()) hazards.push_back(std::move(why));
  if (state.options.rewind && !take_image()) {
    hazards.emplace_back("workers cannot be rewound here; each request has a forked one of its own instead");
  }
  become(state.fork_point->serve(hazards));
  return true;
}

}  // namespace

bool can_fork() {
  return state.fork_point != nullptr;
}

bool fork_here() {
  suspend_time_limit();
  if (!call_all(before_fork)) return false;
  tidy_memory();
  if (!fork_unless_refused()) return false;
  if (!call_all(after_fork)) return false;
  release(before_fork);
  release(after_fork);
  return true;
}

void fork_idle() {
  become(state.fork_point->serve({}));
}

bool call_before_fork() {
  return call_all(before_fork);
}

bool call_after_fork() {
  return call_all(after_fork);
}

void tidy_before_fork() {
  find_fork_hazards();
  tidy_memory();
}

const std::string& refusal() {
  return why_refused;
}

bool add_before_fork(zval* callable) {
  return add(before_fork, callable);
}

bool add_after_fork(zval* callable) {
  return add(after_fork, callable);
}

Result<int> fail_boot(WorkerExit code, const std::string& why) {
  if (state.port == nullptr) return Error{why};
  exchange::leave_note(state.port->record(), why.data(), why.size());
  return static_cast<int>(code);
}

}  // namespace askr::php
