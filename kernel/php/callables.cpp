// A callable may throw, exit, fail fatally or never end. An exception is taken off the engine, exit() is an exception
// to PHP, and a fatal error is caught here, where its longjmp ends. One that takes too long is told by a signal: the
// handler asks PHP for an interrupt, and at the next instruction of PHP code the callable is unwound as by exit().
// Signals also end sleep() and its kin. Code that does not come back to PHP within kGrace ends the process: the
// response is out, so that costs nobody an answer.
#include "php/callables.hpp"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <ctime>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "php/engine_state.hpp"
#include "php/state.hpp"

struct askr_callable {
  zval function;
  const char* plugin;
  askr_callable* next;
};

namespace askr::php {
namespace {

constexpr int64_t kGrace = 5 * kSecond;

askr_callable* kept = nullptr;

// ---------------------------------------------------------------- time

timer_t timer = nullptr;
int timer_signal = 0;
volatile sig_atomic_t time_is_up = 0;
volatile sig_atomic_t unwound = 0;
void (*next_interrupt)(zend_execute_data*) = nullptr;

void arm(int64_t first, int64_t again) {
  const itimerspec when{{again / kSecond, again % kSecond}, {first / kSecond, first % kSecond}};
  ::timer_settime(timer, 0, &when, nullptr);
}

void on_time_is_up(int /*signal*/) {
  if (time_is_up != 0) {
    constexpr char kNote[] = "a deferred callback does not come back to PHP";
    exchange::leave_note(state.port->record(), kNote, sizeof kNote - 1);
    ::_exit(kStuck);
  }
  time_is_up = 1;
  zend_atomic_bool_store(&EG(vm_interrupt), true);
}

void on_interrupt(zend_execute_data* frame) {
  if (next_interrupt != nullptr) next_interrupt(frame);
  if (time_is_up == 0 || unwound != 0 || EG(exception) != nullptr) return;
  unwound = 1;
  zend_throw_unwind_exit();
}

// ---------------------------------------------------------------- outcomes

std::string message, file;  // of the last outcome

void describe(askr_outcome& outcome, askr_outcome_kind kind, uint32_t line) {
  outcome.kind = kind;
  outcome.message = {message.data(), message.size()};
  outcome.file = {file.data(), file.size()};
  outcome.line = line;
}

// \Exception and \Error each have the properties that make a throwable.
zend_class_entry* base_of(zend_object* object) {
  return instanceof_function(object->ce, zend_ce_error) ? zend_ce_error : zend_ce_exception;
}

std::string text_property(zend_object* object, const char* name) {
  zval holder;
  zval* value = zend_read_property(base_of(object), object, name, strlen(name), true, &holder);
  return value != nullptr && Z_TYPE_P(value) == IS_STRING ? std::string(Z_STRVAL_P(value), Z_STRLEN_P(value)) : "";
}

uint32_t line_property(zend_object* object) {
  zval holder;
  zval* value = zend_read_property(base_of(object), object, "line", strlen("line"), true, &holder);
  return value != nullptr && Z_TYPE_P(value) == IS_LONG ? static_cast<uint32_t>(Z_LVAL_P(value)) : 0;
}

// Takes the exception off the engine.
void settle_exception(askr_outcome& outcome) {
  zend_object* exception = EG(exception);
  EG(exception) = nullptr;
  if (zend_is_unwind_exit(exception) || zend_is_graceful_exit(exception)) {
    describe(outcome, unwound != 0 ? ASKR_OUTCOME_TIMED_OUT : ASKR_OUTCOME_EXITED, 0);
  } else {
    message = std::string(ZSTR_VAL(exception->ce->name)) + ": " + text_property(exception, "message");
    file = text_property(exception, "file");
    describe(outcome, ASKR_OUTCOME_THREW, line_property(exception));
  }
  OBJ_RELEASE(exception);
}

void settle_fatal(askr_outcome& outcome) {
  message = state.failure.seen ? state.failure.message : "fatal error";
  message.resize(std::min(message.find('\n'), message.size()));
  file = state.failure.file;
  describe(outcome, ASKR_OUTCOME_FATAL, state.failure.line);
  // The memory of a worker script is in an unknown state now; per request, PHP throws all of it away at the end.
  state.recycle = true;
  state.failure.fatal = false;  // it was the callable's, not the request's
}

// ---------------------------------------------------------------- the call

zend_function* any_internal_function() {
  static constexpr char kName[] = "askr_defer";
  return static_cast<zend_function*>(zend_hash_str_find_ptr(CG(function_table), kName, sizeof kName - 1));
}

// False: a fatal error.
bool call(zval* function) {
  volatile bool returned = false;
  zval result;
  ZVAL_UNDEF(&result);
  zend_try {
    call_user_function(nullptr, nullptr, function, &result, 0, nullptr);
    zval_ptr_dtor(&result);
    returned = true;
  }
  zend_end_try();
  return returned;
}

}  // namespace

void prepare_callables() {
  timer_signal = SIGRTMIN + 3;
  struct sigaction action {};
  action.sa_handler = on_time_is_up;
  ::sigaction(timer_signal, &action, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = timer_signal;
  ::timer_create(CLOCK_MONOTONIC, &event, &timer);
  next_interrupt = zend_interrupt_function;
  zend_interrupt_function = on_interrupt;
}

askr_callable* keep_callable(zval* callable, const char* plugin) {
  if (state.request == nullptr) return nullptr;
  auto* keeper = new askr_callable;
  ZVAL_COPY(&keeper->function, callable);
  keeper->plugin = plugin;
  keeper->next = kept;
  kept = keeper;
  return keeper;
}

askr_status invoke_callable(askr_callable* callable, int64_t limit, askr_outcome* outcome) {
  if (!state.ending) return ASKR_E_WRONG_STEP;
  const EngineState before;
  zend_execute_data floor{};
  if (EG(current_execute_data) == nullptr) {
    floor.func = any_internal_function();
    EG(current_execute_data) = &floor;
  }
  message.clear();
  file.clear();
  state.failure.seen = false;
  time_is_up = 0;
  unwound = 0;
  if (limit > 0) arm(limit, kGrace);
  const bool returned = call(&callable->function);
  if (limit > 0) arm(0, 0);
  describe(*outcome, ASKR_OUTCOME_RETURNED, 0);
  // Running out of memory unwinds like exit() in some builds of PHP, and is a fatal error all the same.
  const bool fatal = !returned || CG(unclean_shutdown) != before.unclean;
  if (fatal) {
    if (EG(exception) != nullptr) settle_exception(*outcome);
    settle_fatal(*outcome);
    before.restore();
  } else if (EG(exception) != nullptr) {
    settle_exception(*outcome);
  }
  EG(current_execute_data) = before.frame;
  time_is_up = 0;
  return ASKR_OK;
}

void release_callable(askr_callable* callable) {
  for (askr_callable** at = &kept; *at != nullptr; at = &(*at)->next) {
    if (*at != callable) continue;
    *at = callable->next;
    zval_ptr_dtor(&callable->function);
    delete callable;
    return;
  }
}

bool has_callables() {
  return kept != nullptr;
}

void release_leftovers() {
  unsigned count = 0;
  const char* plugin = kept == nullptr ? "" : kept->plugin;
  while (kept != nullptr) {
    release_callable(kept);
    ++count;
  }
  if (count > 0) log::error("plugin {} has not released {} PHP callables of a request", plugin, count);
}

}  // namespace askr::php
