// A sidecar has no client: output goes to the log, header() does nothing, there is no time limit. Where the template
// has booted the application, the script finds it in its variables, as a file would that the worker script includes at
// its fork point; when it has ended, the worker script is left as by exit(), so that shutdown functions and destructors
// run.
//
// SIGTERM asks a sidecar to end. What that means is the script's decision: it has a handler (pcntl_signal), or it asks
// askr_should_stop() between two jobs, or neither, and the signal ends it as any other program. The kernel's own
// handler comes with the first call of the function: a script that never asks must not become deaf.
#include "php/sidecar.hpp"

#include <csignal>
#include <string>

#include "php/boot_info.hpp"
#include "php/crash.hpp"
#include "php/extension_requests.hpp"
#include "php/global_scope.hpp"
#include "php/request.hpp"
#include "php/script_file.hpp"
#include "php/sidecar_output.hpp"
#include "php/state.hpp"
#include "php/time_limit.hpp"

namespace askr::php {
namespace {

std::string script;  // static, see zend.hpp
volatile sig_atomic_t asked_to_stop = 0;
bool watches_for_stop = false;

extern "C" void askr_php_stop(int /*signal*/) {
  asked_to_stop = 1;
}

// Without SA_RESTART, so that it wakes from sleep() and the like.
void watch_for_stop() {
  if (watches_for_stop) return;
  watches_for_stop = true;
  struct sigaction action {};
  ::sigaction(SIGTERM, nullptr, &action);
  if (action.sa_handler != SIG_DFL) return;  // the script has its own
  action = {};
  action.sa_handler = askr_php_stop;
  ::sigaction(SIGTERM, &action, nullptr);
}

// What the boot has written is nothing that the sidecar has to say.
void leave_client_behind() {
  php_output_discard_all();
  SG(headers_sent) = 1;
  SG(request_info).no_headers = true;
  lift_time_limit();
}

// Debuggers were spared the boot that this stands on, and get to see the script.
void include_script() {
  begin_extension_requests();
  zend_file_handle file;
  zend_stream_init_filename(&file, script.c_str());
  zend_execute_scripts(ZEND_REQUIRE, nullptr, 1, &file);
  if (EG(exception) != nullptr) zend_exception_error(EG(exception), E_ERROR);  // it could not be compiled
  zend_destroy_file_handle(&file);
  spare_debuggers();
}

}  // namespace

void become_sidecar(exchange::ProcessRecord& record, const exchange::Assignment& assigned,
                    std::string_view script_path) {
  state.sidecar = &record;
  state.assigned = &assigned;
  state.booting = false;
  state.failure.seen = false;
  script = script_path;
  install_fault_handlers(record);
}

void run_sidecar_script() {
  leave_client_behind();
  enter_directory_of(script);
  run_in_global_scope(include_script);
}

int run_sidecar() {
  state.script_filename = script;
  enter_directory_of(script);
  open_boot_info();
  zend_first_try {
    if (php_request_startup() == SUCCESS) {
      leave_client_behind();
      execute_script_file();
    }
    end_script();
  }
  zend_end_try();
  return end_sidecar();
}

int end_sidecar() {
  end_sidecar_output();
  return EG(exit_status) & 0xff;
}

bool sidecar_should_stop() {
  if (state.sidecar == nullptr) return false;
  watch_for_stop();
  return asked_to_stop != 0 || state.assigned->retire.load() != 0 || state.sidecar->orphaned.load() != 0;
}

}  // namespace askr::php
