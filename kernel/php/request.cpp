#include "php/request.hpp"

#include "base/log.hpp"
#include "php/callables.hpp"
#include "php/extension_requests.hpp"
#include "php/fresh_request.hpp"
#include "php/output.hpp"
#include "php/request_copy.hpp"
#include "php/request_startup.hpp"
#include "php/script_file.hpp"
#include "php/session.hpp"
#include "php/state.hpp"
#include "php/worker_hooks.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

// A plugin keeps callables for the time after the response, and PHP completes that only when it takes everything apart.
// So what belongs to the response is done before: shutdown functions, output buffers, the session.
void end_response_early() {
  php_call_shutdown_functions();
  php_free_shutdown_functions();
  php_output_end_all();
  end_session();
  read_rest_of_body();
  complete_response();
  run_request_end();
}

}  // namespace

// A client must not take what it got for the whole, once the head is out. Not so when the operator wants to see errors,
// which are then part of the body.
void note_broken_response() {
  if (!request_is_open()) return;
  state.response_broken = state.failure.seen && state.port->head_sent() && !PG(display_errors);
}

bool execute_script_file() {
  zend_file_handle file;
  zend_stream_init_filename(&file, state.script_filename.c_str());
  file.primary_script = true;
  const bool goes_on = php_execute_script(&file);
  zend_destroy_file_handle(&file);
  return goes_on;
}

void end_script() {
  end_startup();
  note_broken_response();
  rejoin_shutdown_functions();
  rejoin_extension_requests();
  if (has_callables()) end_response_early();
  php_request_shutdown(nullptr);
}

void run_script() {
  zend_first_try {
    const bool started = php_request_startup() == SUCCESS;
    if (state.body_broken) {
      SG(sapi_headers).http_response_code = 500;
    } else if (started) {
      if (state.booting) spare_debuggers();
      execute_script_file();
    }
    end_script();
  }
  zend_end_try();
}

void serve_request(const exchange::RequestView& request) {
  state.request = &request;
  state.failure.seen = state.failure.fatal = state.response_broken = state.drop_body = false;
  state.script_filename.assign(state.options.root).append(request.script_name);
  run_request_begin();
  switch (check_script(state.script_filename)) {
    case ScriptCheck::missing:
      answer_plainly(404, "File not found.\n");
      break;
    case ScriptCheck::denied:
      log::error("[{}] {} cannot be read", request.id, state.script_filename);
      answer_plainly(403, "Access denied.\n");
      break;
    case ScriptCheck::ready:
      enter_directory_of(state.script_filename);
      open_request_info();
      run_script();
      complete_response();  // when PHP failed before its extensions could end the request
      break;
  }
  run_request_end();
  state.request = nullptr;
}

}  // namespace askr::php
