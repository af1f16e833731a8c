// Worker mode.
//
// PHP starts one "request" for the script and never learns that it serves many. Around each call of the handler, what
// PHP would have set up and torn down is done by hand (fresh_request.cpp), while the application stays in memory.
// How a request can end:
// - the handler returns, or calls exit() (which PHP implements as an exception): the response is completed here;
// - an exception escapes: reported as PHP does at the end of a script, status 500;
// - a fatal error: PHP leaves the script by longjmp, past this file, to run_script(), whose shutdown completes the
//   response (the application's shutdown functions may still draw an error page). The memory of the script is in an
//   unknown state then, so the worker is replaced.
#include "php/worker_loop.hpp"

#include "base/log.hpp"
#include "php/fork.hpp"
#include "php/fresh_request.hpp"
#include "php/output.hpp"
#include "php/request.hpp"
#include "php/request_array.hpp"
#include "php/request_copy.hpp"
#include "php/request_limit.hpp"
#include "php/script_file.hpp"
#include "php/sidecar.hpp"
#include "php/state.hpp"

namespace askr::php {
namespace {

struct Loop {
  bool started = false;  // the script has asked for a request
  bool retired = false;  // told to stop
  uint64_t served = 0;
  uint64_t limit = 0;  // 0: none
};
Loop loop;

void start_loop() {
  loop.started = true;
  loop.limit = request_limit();
  state.booting = false;
  state.failure.seen = false;
  end_boot();
  state.port->mark_ready();
}

bool wait_for_request() {
  if (state.recycle || (loop.limit > 0 && loop.served >= loop.limit)) return false;
  if (state.port->wait() == exchange::Wait::retire) {
    loop.retired = true;
    return false;
  }
  state.request = &state.port->request();
  state.failure.seen = state.response_broken = state.drop_body = false;
  return true;
}

void forget_exception() {
  zend_object* exception = EG(exception);
  EG(exception) = nullptr;
  OBJ_RELEASE(exception);
}

bool is_exit(zend_object* exception) {
  return zend_is_unwind_exit(exception) || zend_is_graceful_exit(exception);
}

void answer_uncaught() {
  if (SG(headers_sent)) {
    state.response_broken = !PG(display_errors);
  } else {
    SG(sapi_headers).http_response_code = 500;
  }
  zend_exception_error(EG(exception), E_ERROR);
}

// A fatal error happened where PHP caught it on the way to us (in a shutdown function; running out of memory, which
// some builds unwind like exit()). Nothing can go on in this script, so it is left as after any other fatal error.
void leave_if_broken() {
  if (!CG(unclean_shutdown)) return;
  if (EG(exception) != nullptr) forget_exception();
  zend_bailout();
}

// What PHP does at the end of a script: the application's own handler first, then the log.
void settle_exception() {
  leave_if_broken();
  if (EG(exception) != nullptr && !is_exit(EG(exception)) && Z_TYPE(EG(user_exception_handler)) != IS_UNDEF) {
    zend_user_exception_handler();
  }
  if (EG(exception) == nullptr) return;
  if (is_exit(EG(exception))) {
    forget_exception();
  } else {
    answer_uncaught();
  }
}

void call_handler(zend_fcall_info& handler, zend_fcall_info_cache& handler_cache) {
  zval result;
  zval request;
  ZVAL_UNDEF(&result);
  make_request_array(&request);
  handler.retval = &result;
  handler.params = &request;
  handler.param_count = 1;
  state.handling = true;
  zend_call_function(&handler, &handler_cache);
  state.handling = false;
  settle_exception();
  zval_ptr_dtor(&result);
  zval_ptr_dtor(&request);
}

std::string describe_failure() {
  std::string_view message(state.failure.message);
  message = message.substr(0, message.find('\n'));
  const std::string place = fmt::format("{}:{}", state.failure.file, state.failure.line);
  if (message.find(place) != std::string_view::npos) return std::string(message);
  return fmt::format("{} in {}", message, place);
}

std::string why_not_booted() {
  if (!refusal().empty()) return refusal();
  const char* wanted = state.options.boot_in_template ? "askr_cow_ready()" : "askr_handle_request()";
  const std::string& script = state.options.worker_script;
  if (!state.failure.seen) return fmt::format("the worker script {} ended without calling {}", script, wanted);
  // After the fork there is no template to blame.
  if (state.port != nullptr) wanted = "its first askr_handle_request()";
  return fmt::format("the worker script {} failed before {}: {}", script, wanted, describe_failure());
}

Result<int> judge_end() {
  if (loop.started) return loop.retired ? kRetired : kRecycled;
  return fail_boot(state.failure.seen ? kBootFailed : kNeverHandled, why_not_booted());
}

// A script that was not written for forking can be forked where it asks for its first request.
void warn_of_late_fork() {
  log::warning("the worker script {} does not call askr_cow_ready(); it is forked at its first askr_handle_request()",
               state.options.worker_script);
}

}  // namespace

bool reach_fork_point() {
  if (!can_fork()) return true;
  const bool forked = fork_here();
  if (forked && state.sidecar == nullptr) return true;
  if (forked) run_sidecar_script();
  if (EG(exception) == nullptr) zend_throw_unwind_exit();
  return false;
}

bool handle_next_request(zend_fcall_info& handler, zend_fcall_info_cache& handler_cache) {
  if (state.sidecar != nullptr) {
    php_error_docref(nullptr, E_WARNING, "is for the worker script; this is a sidecar, which gets no requests");
    return false;
  }
  if (!state.worker_mode || (state.port == nullptr && !can_fork())) {
    php_error_docref(nullptr, E_WARNING, "works in a worker script only (askr serve --worker-script)");
    return false;
  }
  if (state.handling) {
    php_error_docref(nullptr, E_WARNING, "cannot be called from inside a request handler");
    return false;
  }
  if (can_fork()) warn_of_late_fork();
  if (!reach_fork_point()) return false;
  if (!loop.started) start_loop();
  if (!wait_for_request()) return false;
  begin_request();
  call_handler(handler, handler_cache);
  end_request_of_loop(settle_exception);
  ++loop.served;
  return true;
}

Result<int> run_worker_script() {
  state.script_filename = state.options.worker_script;
  state.booting = true;
  if (check_script(state.script_filename) != ScriptCheck::ready) {
    return fail_boot(kBootFailed, fmt::format("the worker script {} cannot be read", state.script_filename));
  }
  enter_directory_of(state.script_filename);
  open_boot_info();
  run_script();
  if (state.sidecar != nullptr) return end_sidecar();
  return judge_end();
}

}  // namespace askr::php
