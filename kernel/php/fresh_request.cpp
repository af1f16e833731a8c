// The order follows php_request_startup() and php_request_shutdown() of PHP, minus what would unload the application.
#include "php/fresh_request.hpp"

#include <sys/stat.h>

#include "php/boot_info.hpp"
#include "php/callables.hpp"
#include "php/directory.hpp"
#include "php/extension.hpp"
#include "php/extension_requests.hpp"
#include "php/opcache_clock.hpp"
#include "php/output.hpp"
#include "php/output_filters.hpp"
#include "php/request_copy.hpp"
#include "php/request_objects.hpp"
#include "php/request_startup.hpp"
#include "php/session.hpp"
#include "php/state.hpp"
#include "php/superglobals.hpp"
#include "php/time_limit.hpp"
#include "php/uploads.hpp"
#include "php/worker_hooks.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

// Shutdown functions that the script has registered outside its requests: they run when it ends.
HashTable* script_shutdown_functions = nullptr;
// What the boot chose, and each request starts with.
bool boot_ignores_abort = false;

const Extension input_filter{"filter"};

void set_ignore_user_abort(bool ignore) {
  zend_string* name = ZSTR_INIT_LITERAL("ignore_user_abort", false);
  zend_alter_ini_entry_chars(name, ignore ? "1" : "0", 1, PHP_INI_USER, PHP_INI_STAGE_RUNTIME);
  zend_string_release(name);
}

void start_output_buffer() {
  if (PG(output_handler) != nullptr && PG(output_handler)[0] != '\0') {
    zval handler;
    ZVAL_STRING(&handler, PG(output_handler));
    php_output_start_user(&handler, 0, PHP_OUTPUT_HANDLER_STDFLAGS);
    zval_ptr_dtor(&handler);
  } else if (PG(output_buffering) != 0) {
    php_output_start_user(nullptr, PG(output_buffering) > 1 ? static_cast<size_t>(PG(output_buffering)) : 0,
                          PHP_OUTPUT_HANDLER_STDFLAGS);
  } else if (PG(implicit_flush)) {
    php_output_set_implicit_flush(1);
  }
}

// PHP remembers the first umask of a request, and at its end puts that back.
void restore_umask() {
  if (BG(umask) != -1) ::umask(static_cast<mode_t>(BG(umask)));
  BG(umask) = -1;
}

// The later ones go behind the earlier ones.
void append_shutdown_functions(HashTable* earlier, HashTable* later) {
  void* entry = nullptr;
  ZEND_HASH_FOREACH_PTR(later, entry) {
    zend_hash_next_index_insert_ptr(earlier, entry);
  }
  ZEND_HASH_FOREACH_END();
  later->pDestructor = nullptr;
  zend_hash_destroy(later);
  FREE_HASHTABLE(later);
}

void keep_shutdown_functions() {
  HashTable* registered = BG(user_shutdown_function_names);
  if (registered == nullptr) return;
  BG(user_shutdown_function_names) = nullptr;
  if (script_shutdown_functions == nullptr) {
    script_shutdown_functions = registered;
  } else {
    append_shutdown_functions(script_shutdown_functions, registered);
  }
}

void call_shutdown_functions() {
  if (BG(user_shutdown_function_names) == nullptr) return;
  php_call_shutdown_functions();
  php_free_shutdown_functions();
}

void close_body() {
  if (SG(request_info).request_body == nullptr) return;
  php_stream_close(SG(request_info).request_body);
  SG(request_info).request_body = nullptr;
}

void forget_last_error() {
  if (PG(last_error_message) == nullptr) return;
  PG(last_error_type) = 0;
  PG(last_error_lineno) = 0;
  zend_string_release(PG(last_error_message));
  PG(last_error_message) = nullptr;
  if (PG(last_error_file) == nullptr) return;
  zend_string_release(PG(last_error_file));
  PG(last_error_file) = nullptr;
}

// Output between requests goes nowhere; without an output layer PHP would write it to standard error.
void idle_output() {
  php_output_activate();
}

void forget_words() {
  if (BG(strtok_string) == nullptr) return;
  zend_string_release(BG(strtok_string));
  BG(strtok_string) = nullptr;
}

// What PHP keeps of a client beside the superglobals.
void forget_client() {
  input_filter.end_request();
  close_body();
  sapi_deactivate();
  forget_uploads();
  forget_words();
  let_go_of_extension_requests();
}

void forget_outcome() {
  forget_last_error();
  open_boot_info();
  PG(connection_status) = PHP_CONNECTION_NORMAL;
}

}  // namespace

void end_boot() {
  boot_ignores_abort = PG(ignore_user_abort);
  keep_superglobals();
  keep_directory();
  BG(umask) = -1;
  keep_session_handler();
  keep_shutdown_functions();
  SG(headers_sent) = 1;
  php_output_discard_all();
  end_extension_requests();
  php_output_deactivate();
  renew_session();
  forget_superglobals();
  forget_client();
  reset_output_filters();
  forget_outcome();
  idle_output();
}

void begin_request() {
  run_request_begin();
  php_clear_stat_cache(false, nullptr, 0);
  enter_directory();
  begin_startup();
  SG(headers_sent) = 1;  // the idle output layer has none to send
  php_output_deactivate();
  php_output_activate();
  open_request_info();
  PG(header_is_being_sent) = false;
  activate_zend_extensions();
  sapi_activate();
  set_opcache_clock();
  SG(sapi_started) = true;
  if (PG(expose_php)) sapi_add_header(SAPI_PHP_VERSION_HEADER, sizeof(SAPI_PHP_VERSION_HEADER) - 1, 1);
  start_output_buffer();
  renew_superglobals();
  allow_application();
  begin_compression();
  begin_session();
  begin_extension_requests();
  restart_time_limit();
  end_startup();
}

// The first steps in the order of php_request_shutdown().
void end_request_of_loop(RunStep run) {
  run(call_shutdown_functions);
  if (state.options.isolate) run(destruct_request_objects);
  run(php_output_end_all);
  run(end_extension_requests);
  run(renew_session);
  run(php_output_deactivate);
  run(complete_response);
  idle_output();
  run_request_end();
  php_output_discard_all();
  php_output_deactivate();
  state.request = nullptr;

  php_free_shutdown_functions();  // registered too late, as by an output buffer at its end: PHP does not run these
  idle_output();
  run(forget_superglobals);
  forget_client();
  forget_outcome();
  if (PG(ignore_user_abort) != boot_ignores_abort) set_ignore_user_abort(boot_ignores_abort);
  restore_umask();
}

void end_pause() {
  renew_session();
  keep_shutdown_functions();
  SG(headers_sent) = 1;  // what was set between requests is for nobody
  php_output_deactivate();
  reset_output_filters();
  idle_output();
}

void end_pause_for_good() {
  run_step_alone(call_shutdown_functions);
  run_step_alone(destruct_request_objects);
  run_step_alone(renew_session);
}

void rejoin_shutdown_functions() {
  if (script_shutdown_functions == nullptr) return;
  keep_shutdown_functions();
  BG(user_shutdown_function_names) = script_shutdown_functions;
  script_shutdown_functions = nullptr;
}

}  // namespace askr::php
