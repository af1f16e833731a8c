// The server interface that PHP talks to.
//
// Its name is "fpm-fcgi". opcache works only under names it knows, and applications ask for the name to learn whether
// they run below a web server and what works there: no other name means "requests, one at a time, in a process that
// lives on, with fastcgi_finish_request()". phpinfo() shows the true name.
#include "php/sapi_module.hpp"

#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/log.hpp"
#include "php/ini.hpp"
#include "php/output.hpp"
#include "php/plugin_functions.hpp"
#include "php/request_copy.hpp"
#include "php/server_array.hpp"
#include "php/server_names.hpp"
#include "php/sidecar_output.hpp"
#include "php/state.hpp"
#include "php/variables.hpp"
#include "php/worker_hooks.hpp"

#include "main/build-defs.h"

namespace askr::php {

namespace {

std::vector<std::string>* startup_messages = nullptr;   // while PHP starts
const zend_function_entry* server_functions = nullptr;  // of Askr itself

log::Level level_of(int syslog_level) {
  if (syslog_level <= LOG_ERR) return log::Level::error;
  return syslog_level == LOG_WARNING ? log::Level::warning : log::Level::info;
}

extern "C" void askr_php_log(const char* message, int syslog_level) {
  if (startup_messages != nullptr) {
    startup_messages->emplace_back(message);
  } else if (state.options.command_line) {
    std::fprintf(stderr, "%s\n", message);
  } else if (state.booting && state.failure.seen) {
    return;  // the end of the boot is reported in one line by whoever runs the script
  } else if (state.sidecar != nullptr) {
    log_sidecar_message(level_of(syslog_level), message);
  } else if (state.request != nullptr) {
    log::write(level_of(syslog_level), fmt::format("[{}] {}", state.request->id, message));
  } else {
    log::write(level_of(syslog_level), message);
  }
}

constexpr int kFatal = E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR | E_RECOVERABLE_ERROR;

void (*report_error)(int, zend_string*, uint32_t, zend_string*) = nullptr;

void copy_text(const zend_string* from, char* to, size_t capacity) {
  const size_t size = from != nullptr ? std::min(ZSTR_LEN(from), capacity - 1) : 0;
  if (size > 0) memcpy(to, ZSTR_VAL(from), size);
  to[size] = '\0';
}

// In front of PHP's own error handling, which may not return.
extern "C" void askr_php_error(int type, zend_string* file, const uint32_t line, zend_string* message) {
  if ((type & kFatal) != 0) {
    state.failure.seen = true;
    if ((type & E_DONT_BAIL) == 0) state.failure.fatal = true;
    state.failure.line = line;
    copy_text(file, state.failure.file, sizeof state.failure.file);
    copy_text(message, state.failure.message, sizeof state.failure.message);
  }
  report_error(type, file, line, message);
}

// What php-fpm has beside PHP's own settings and applications ask for: PATH_INFO is what follows the script.
PHP_INI_BEGIN()
PHP_INI_ENTRY("cgi.fix_pathinfo", "1", PHP_INI_SYSTEM, nullptr)
PHP_INI_END()

// Before other extensions start, so that those which look at errors themselves hand them on to us.
void watch_errors() {
  report_error = zend_error_cb;
  zend_error_cb = askr_php_error;
}

// The build that has libphp is one for the command line too. A web server's PHP has no chroot(): it would change the
// root of all later requests. No hole may stay in the table, as after zend_disable_functions(): PHP finds the functions
// of scripts by their place behind its own, and a table that grows closes its holes.
void remove_functions_of_command_line() {
  zend_hash_str_del(CG(function_table), "chroot", strlen("chroot"));
  zend_hash_rehash(CG(function_table));
}

zend_result start_extension(INIT_FUNC_ARGS) {
  REGISTER_INI_ENTRIES();
  remove_functions_of_command_line();
  watch_errors();
  make_server_names();
  prepare_server_array();
  bind_functions(state.options.plugins.functions);
  return SUCCESS;
}

// The response is complete once all extensions have written theirs (a session that is still being saved must not be
// read by the client's next request), and before PHP frees the memory of the request, for which no client should wait.
zend_result end_request(SHUTDOWN_FUNC_ARGS) {
  (void)type;
  (void)module_number;
  if (state.request == nullptr) return SUCCESS;
  complete_response();
  run_request_end();
  state.request = nullptr;
  return SUCCESS;
}

void show_info(ZEND_MODULE_INFO_FUNC_ARGS) {
  (void)zend_module;
  php_info_print_table_start();
  php_info_print_table_row(2, "Server", "Askr " ASKR_VERSION);
  php_info_print_table_row(2, "Mode", state.worker_mode ? "worker" : "per request");
  php_info_print_table_end();
}

zend_module_entry extension = {
    STANDARD_MODULE_HEADER,    "askr", nullptr, start_extension, nullptr, nullptr, end_request, show_info, ASKR_VERSION,
    STANDARD_MODULE_PROPERTIES};

// Extensions end a request in the reverse order of their registration; ours comes first to be the last there.
int register_extensions() {
  extension.functions = merge_functions(server_functions, state.options.plugins.functions);
  if (zend_register_internal_module(&extension) == nullptr) return FAILURE;
  return php_register_internal_extensions();
}

int start_sapi(sapi_module_struct* module) {
  return php_module_startup(module, nullptr);
}

char sapi_name[] = "fpm-fcgi";
char command_line_name[] = "cli";  // opcache.enable_cli has to be set
char pretty_name[] = "Askr";

// PHP_BINARY: what scripts start to run another one. This process cannot do that, so it is PHP of the command line, of
// the same version if there is one with a name of its own. nullptr: none, and the constant is empty.
char* find_php_binary() {
  static std::string path;
  path = fmt::format(PHP_BINDIR "/php{}.{}", PHP_MAJOR_VERSION, PHP_MINOR_VERSION);
  if (::access(path.c_str(), X_OK) == 0) return path.data();
  path = PHP_BINDIR "/php";
  return ::access(path.c_str(), X_OK) == 0 ? path.data() : nullptr;
}

sapi_module_struct make_sapi() {
  sapi_module_struct sapi{};
  sapi.name = state.options.command_line ? command_line_name : sapi_name;
  sapi.pretty_name = pretty_name;
  sapi.startup = start_sapi;
  sapi.shutdown = php_module_shutdown_wrapper;
  sapi.ub_write = askr_php_write;
  sapi.flush = askr_php_flush;
  sapi.getenv = askr_php_getenv;
  sapi.sapi_error = php_error;
  sapi.send_headers = askr_php_send_headers;
  sapi.read_post = askr_php_read_body;
  sapi.read_cookies = askr_php_read_cookies;
  sapi.register_server_variables = askr_php_server_variables;
  sapi.log_message = askr_php_log;
  sapi.php_ini_ignore_cwd = 1;
  sapi.executable_location = find_php_binary();
  sapi.ini_defaults = askr_php_ini_defaults;
  return sapi;
}

sapi_module_struct sapi;

}  // namespace

Result<> start_module(std::string& ini, const zend_function_entry* functions, std::vector<std::string>& messages) {
  server_functions = functions;
  startup_messages = &messages;
  zend_signal_startup();
  sapi = make_sapi();
  php_register_internal_extensions_func = register_extensions;
  sapi_startup(&sapi);
  sapi.ini_entries = sapi_module.ini_entries = ini.data();  // sapi_startup() has cleared it
  const bool started = sapi.startup(&sapi) == SUCCESS;
  startup_messages = nullptr;
  if (!started) return Error{"PHP did not start"};
  // Signals stay as we set them: PHP would take over a handful of them with system calls in each request.
  SIGG(reset) = false;
  SG(options) |= SAPI_OPTION_NO_CHDIR;
  return ok();
}

}  // namespace askr::php
