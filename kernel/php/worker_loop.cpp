// Worker mode.
//
// PHP starts one "request" for the script and never learns that it serves many. Around each call of the handler, what
// PHP would have set up and torn down is done by hand (fresh_request.cpp), while the application stays in memory.
// How a request can end:
// - the handler returns, or calls exit() (which PHP implements as an exception): the response is completed here;
// - an exception escapes: reported as PHP does at the end of a script, status 500;
// - a fatal error: PHP leaves the handler by longjmp. With isolation the response is completed here as well, and then
//   the worker is rewound or the script left; without, longjmp leads past this file to run_script(), whose shutdown
//   completes the response (the application's shutdown functions may still draw an error page). The memory of the
//   script is in an unknown state then, so the worker is replaced.
// What the script does behind a request comes before the worker is rewound: that happens when it asks for the next one.
#include "php/worker_loop.hpp"

#include "base/log.hpp"
#include "php/boot_cost.hpp"
#include "php/boot_info.hpp"
#include "php/engine_state.hpp"
#include "php/fork.hpp"
#include "php/fresh_request.hpp"
#include "php/last_steps.hpp"
#include "php/leaks.hpp"
#include "php/output.hpp"
#include "php/prepended_files.hpp"
#include "php/recycling.hpp"
#include "php/request.hpp"
#include "php/request_array.hpp"
#include "php/request_copy.hpp"
#include "php/request_objects.hpp"
#include "php/rewinding.hpp"
#include "php/script_file.hpp"
#include "php/sidecar.hpp"
#include "php/state.hpp"
#include "php/uncaught.hpp"

namespace askr::php {
namespace {

struct Loop {
  bool started = false;     // the script has asked for a request
  bool retired = false;     // told to stop
  bool file_waits = false;  // the request that was taken is for another script
  Recycling recycling;
};
Loop loop;

void start_loop() {
  loop.started = true;
  loop.recycling.start();
  state.booting = false;
  state.failure.seen = state.failure.fatal = false;
  end_boot();
  if (state.options.isolate) remember_boot_objects();
  state.port->mark_ready();
}

// worker.files: another script below the root.
bool is_for_file(const exchange::RequestView& request) {
  return state.options.files && request.script_name.substr(1) != state.options.front;
}

bool wait_for_request() {
  if (state.recycle || loop.recycling.is_due()) return false;
  if (state.port->wait() == exchange::Wait::retire) {
    loop.retired = true;
    return false;
  }
  loop.file_waits = is_for_file(state.port->request());
  if (loop.file_waits) return false;
  state.request = &state.port->request();
  state.failure.seen = state.failure.fatal = state.response_broken = state.drop_body = false;
  return true;
}

// False: nothing more of the script would run.
bool call_handler(zend_fcall_info& handler, zend_fcall_info_cache& handler_cache) {
  zval result;
  zval request;
  ZVAL_UNDEF(&result);
  make_request_array(&request);
  if (state.body_broken) end_for_broken_body();
  handler.retval = &result;
  handler.params = &request;
  handler.param_count = 1;
  zend_call_function(&handler, &handler_cache);
  const bool goes_on = settle_and_go_on();
  zval_ptr_dtor(&result);
  zval_ptr_dtor(&request);
  return goes_on;
}

// An exception now is one of a session handler: PHP has opened the session before the script.
void handle(zend_fcall_info& handler, zend_fcall_info_cache& handler_cache) {
  state.handling = true;
  if (settle_and_go_on() && run_prepended_file() && call_handler(handler, handler_cache)) run_appended_file();
  state.handling = false;
}

void serve_in_lasting_memory(zend_fcall_info& handler, zend_fcall_info_cache& handler_cache) {
  handle(handler, handler_cache);
  end_request_of_loop(run_step_in_frame);
}

void handle_to_its_end(zend_fcall_info& handler, zend_fcall_info_cache& handler_cache) {
  zend_try {
    handle(handler, handler_cache);
  }
  zend_end_try();
  state.handling = false;
}

// The request ends as a script does. Then the code behind it goes on, unless there was a fatal error, which ends that
// as well.
void serve_isolated(zend_fcall_info& handler, zend_fcall_info_cache& handler_cache) {
  const EngineState engine;
  handle_to_its_end(handler, handler_cache);
  if (state.failure.fatal) rejoin_shutdown_functions();  // the script ends with this request
  note_broken_response();
  end_request_of_loop(run_step_alone);
  engine.restore();
  if (!state.failure.fatal) return;
  loop.recycling.count();
  if (state.rewinds && !loop.recycling.is_due()) start_over();
  zend_bailout();
}

// The script asks for its next request. False: it has left an exception, which ends it.
bool end_last_request() {
  if (!loop.started) return true;
  if (state.rewinds && !loop.recycling.is_due()) {
    const EngineState engine;
    start_over();
    engine.restore();
    return true;
  }
  end_pause();
  return EG(exception) == nullptr;
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

// Applications find out below which URL they are from the names of the front controller, whose place the worker script
// takes. One that is served by nothing else need not have any.
void find_front() {
  state.front_filename = state.options.root + '/' + state.options.front;
  if (check_script(state.front_filename) != ScriptCheck::ready) state.front_filename = state.options.worker_script;
}

// Other scripts expect that nothing of the application is there, so the worker script has ended before: PHP has taken
// it apart, as after a request of per-request mode. The process is not used for anything else: another worker takes its
// place.
int run_file() {
  if (state.options.rewind) give_up_rewinding(exchange::NotRewound::other_script);
  state.worker_mode = state.rewinds = false;
  give_back_prepended_files();
  serve_request(state.port->request());
  return kRecycled;
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
  if (loop.file_waits) {  // it was told to end
    if (EG(exception) == nullptr) zend_throw_unwind_exit();
    return false;
  }
  if (can_fork()) warn_of_late_fork();
  if (!reach_fork_point()) return false;
  if (!end_last_request()) return false;
  if (!loop.started) {
    start_loop();
    begin_rewinding();
  }
  if (state.options.paranoid) report_leaks();
  if (!wait_for_request()) return false;
  begin_request();
  if (state.options.paranoid) remember_state(*state.request);
  const auto serve = state.options.isolate ? serve_isolated : serve_in_lasting_memory;
  serve(handler, handler_cache);
  loop.recycling.count();
  state.port->leave_request();
  return true;
}

Result<int> run_worker_script() {
  state.script_filename = state.options.worker_script;
  state.booting = true;
  if (check_script(state.script_filename) != ScriptCheck::ready) {
    return fail_boot(kBootFailed, fmt::format("the worker script {} cannot be read", state.script_filename));
  }
  find_front();
  enter_directory_of(state.script_filename);
  open_boot_info();
  take_over_prepended_files();
  begin_boot_cost();
  run_script();
  if (state.options.paranoid && loop.started) sum_up_leaks();
  if (state.sidecar != nullptr) return end_sidecar();
  if (loop.file_waits) return run_file();
  return judge_end();
}

}  // namespace askr::php
