// The preload script runs inside a request of PHP that is never ended in the template. In a worker it becomes the
// request of the client: superglobals, output and the like are made anew, then the front controller finds everything
// loaded that it would load itself. Other scripts (wp-admin/...) may want to load it differently, so for them the
// worker ends that request and begins one from nothing.
//
// A callable that the script returns is called at the start of each request, for what a boot does with its
// superglobals.
#include "php/preload.hpp"

#include "php/boot_cost.hpp"
#include "php/boot_info.hpp"
#include "php/extension_requests.hpp"
#include "php/fork.hpp"
#include "php/fresh_request.hpp"
#include "php/prepended_files.hpp"
#include "php/recycling.hpp"
#include "php/request.hpp"
#include "php/rewinding.hpp"
#include "php/script_file.hpp"
#include "php/sidecar.hpp"
#include "php/state.hpp"
#include "php/zend.hpp"

#include <fmt/core.h>

namespace askr::php {
namespace {

enum class End : uint8_t { not_forked, retired, served, left, sidecar };
Recycling recycling;
End end = End::not_forked;  // static: it has to live through a longjmp

std::string why_not_preloaded() {
  const std::string& script = state.options.preload_script;
  if (!refusal().empty()) return refusal();
  if (!state.failure.seen) return fmt::format("worker.preload_script {} has called exit()", script);
  return fmt::format("worker.preload_script {} failed: {} in {}:{}", script, state.failure.message, state.failure.file,
                     state.failure.line);
}

// False: it has thrown or called exit().
bool run_preload_script(zval* result) {
  zend_file_handle file;
  zend_stream_init_filename(&file, state.script_filename.c_str());
  file.primary_script = true;
  zend_execute_scripts(ZEND_REQUIRE, result, 1, &file);
  if (EG(exception) != nullptr) zend_exception_error(EG(exception), E_ERROR);  // it could not be compiled
  zend_destroy_file_handle(&file);
  return Z_TYPE_P(result) != IS_UNDEF;
}

void call_starter(zval* starter) {
  if (zend_is_callable(starter, 0, nullptr)) {
    zval result;
    ZVAL_UNDEF(&result);
    call_user_function(nullptr, nullptr, starter, &result, 0, nullptr);
    zval_ptr_dtor(&result);
  }
  zval_ptr_dtor(starter);
}

// Returns where the worker has to end.
void end_and_start_over() {
  rejoin_shutdown_functions();
  note_broken_response();
  end_request_of_loop(run_step_alone);
  recycling.count();
  if (!recycling.is_due()) start_over();
}

void run_files(zval* starter) {
  if (!run_prepended_file()) return;
  call_starter(starter);
  if (execute_script_file()) run_appended_file();
}

void run_front_controller(zval* starter) {
  state.request = &state.port->request();
  take_over_prepended_files();
  zend_try {
    begin_request();
    run_files(starter);
  }
  zend_end_try();
  if (state.rewinds) end_and_start_over();
  end_script();
}

// Nothing of the application may run any more: for it, nothing has happened yet.
void leave_preloaded_state() {
  rejoin_shutdown_functions();
  rejoin_extension_requests();
  php_free_shutdown_functions();
  zend_objects_store_mark_destructed(&EG(objects_store));
  php_request_shutdown(nullptr);
}

End run_preloaded_sidecar(zval* starter) {
  zval_ptr_dtor(starter);
  zend_try {
    run_sidecar_script();
  }
  zend_end_try();
  end_script();
  return End::sidecar;
}

End serve_preloaded(zval* starter) {
  if (state.sidecar != nullptr) return run_preloaded_sidecar(starter);
  end_boot();
  state.booting = false;
  state.failure.seen = state.failure.fatal = false;
  recycling.start();
  state.port->mark_ready();
  begin_rewinding();
  if (state.port->wait() == exchange::Wait::retire) return End::retired;
  if (state.port->request().script_name.substr(1) != state.options.front) return End::left;
  state.script_filename = state.options.root + "/" + state.options.front;
  run_front_controller(starter);
  return End::served;
}

// Neither this nor the next one is inlined: what a caller has alive could be lost in the longjmp.
[[gnu::noinline]] void boot_and_serve() {
  zval starter;
  ZVAL_UNDEF(&starter);
  if (php_request_startup() != SUCCESS) return;
  spare_debuggers();
  if (run_preload_script(&starter) && fork_here()) end = serve_preloaded(&starter);
  if (end == End::left || end == End::retired) leave_preloaded_state();
}

[[gnu::noinline]] void run_in_php() {
  zend_first_try {
    boot_and_serve();
  }
  zend_end_try();
}

}  // namespace

Result<int> run_preloaded() {
  state.script_filename = state.options.preload_script;
  state.booting = true;
  if (check_script(state.script_filename) != ScriptCheck::ready) {
    return Error{fmt::format("worker.preload_script {} cannot be read", state.script_filename)};
  }
  enter_directory_of(state.script_filename);
  open_boot_info();
  begin_boot_cost();
  run_in_php();
  if (state.sidecar != nullptr) return end_sidecar();
  if (end == End::left) {
    if (state.options.rewind) give_up_rewinding(exchange::NotRewound::other_script);
    serve_request(state.port->request());
    return kRecycled;
  }
  if (end != End::not_forked) return end == End::retired ? kRetired : kRecycled;
  return fail_boot(kBootFailed, why_not_preloaded());
}

}  // namespace askr::php
