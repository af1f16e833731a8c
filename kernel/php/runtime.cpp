#include "php/runtime.hpp"

#include <cstdlib>
#include <initializer_list>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "php/class_lessons.hpp"
#include "php/extension_requests.hpp"
#include "php/fork.hpp"
#include "php/fork_hazards.hpp"
#include "php/functions.hpp"
#include "php/ini.hpp"
#include "php/ini_files.hpp"
#include "php/input_filter.hpp"
#include "php/opcache.hpp"
#include "php/opcache_clock.hpp"
#include "php/openers.hpp"
#include "php/pcntl.hpp"
#include "php/preload.hpp"
#include "php/process_changes.hpp"
#include "php/programs.hpp"
#include "php/recycling.hpp"
#include "php/request.hpp"
#include "php/request_startup.hpp"
#include "php/rewind.hpp"
#include "php/sapi_module.hpp"
#include "php/script_file.hpp"
#include "php/sidecar.hpp"
#include "php/startup_output.hpp"
#include "php/state.hpp"
#include "php/uploads.hpp"
#include "php/variables.hpp"
#include "php/worker_loop.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

std::string ini_text;  // PHP keeps a pointer to it

// As php-fpm does it: scripts get the name and the folder of the user. What PHP itself is told where to read its
// configuration is kept until it has.
void clear_environment(std::initializer_list<const char*> but) {
  std::vector<std::pair<const char*, std::string>> kept;
  for (const char* name : but) {
    if (const char* value = ::getenv(name)) kept.emplace_back(name, value);
  }
  ::clearenv();
  for (const auto& [name, value] : kept) ::setenv(name, value.c_str(), 1);
}

Result<> start_php(RuntimeFacts& facts) {
  std::vector<std::string> messages;
  ASKR_TRY(capture_startup_output());
  const Result<> started = start_module(ini_text, function_table(), messages);
  std::string output = release_startup_output();
  for (const std::string& message : messages) output += message + "\n";
  ASKR_TRY(judge_startup_output(output, state.options, facts.warnings));
  if (started) return ok();
  const std::string why = facts.warnings.empty() ? "" : ": " + facts.warnings.front();
  return Error{started.error().message + why};
}

std::string php_version() {
  zval* version = zend_get_constant_str("PHP_VERSION", sizeof("PHP_VERSION") - 1);
  return version != nullptr ? Z_STRVAL_P(version) : PHP_VERSION;
}

void collect_facts(RuntimeFacts& facts) {
  facts.php_version = php_version();
  facts.sapi_name = sapi_module.name;
  if (php_ini_opened_path != nullptr) facts.ini_file = php_ini_opened_path;
  void* module = nullptr;
  ZEND_HASH_FOREACH_PTR(&module_registry, module) {
    facts.extensions.emplace_back(static_cast<zend_module_entry*>(module)->name);
  }
  ZEND_HASH_FOREACH_END();
}

// A worker of a template that learns: its rehearsals are all that it serves.
int learn_classes() {
  exchange::WorkerPort& port = *state.port;
  port.mark_ready();
  while (port.rehearsals_left() > 0 && port.wait() == exchange::Wait::request) {
    serve_request(port.request());
    undo_pcntl();
  }
  if (auto saved = save_class_lessons(state.options.class_list); !saved) log::warning("{}", saved.error().message);
  return kLearnt;
}

int serve_requests() {
  if (state.options.classes == ClassList::learn) return learn_classes();
  exchange::WorkerPort& port = *state.port;
  Recycling recycling;
  recycling.start();
  port.mark_ready();
  for (; !recycling.is_due(); recycling.count()) {
    if (port.wait() == exchange::Wait::retire) return kRetired;
    serve_request(port.request());
    undo_pcntl();
  }
  return kRecycled;
}

}  // namespace

Result<RuntimeFacts> start_runtime(const RuntimeOptions& options) {
  state.options = options;
  state.worker_mode = !options.worker_script.empty();
  if (options.clear_env) clear_environment({"USER", "HOME", "PHPRC", "PHP_INI_SCAN_DIR", "USE_ZEND_ALLOC_HUGE_PAGES"});
  if (!options.app_base.empty()) ::setenv("ASKR_APP_BASE", options.app_base.c_str(), 1);
  std::string preload_script;
  if (options.classes == ClassList::preload) preload_script = ASKR_TRY(write_preload_script(options));
  ini_text = compose_ini(options, preload_script);

  RuntimeFacts facts;
  if (options.rewind) prepare_for_rewinding();
  // PHP's heap in huge pages: a framework's request touches megabytes of it, and address translation was a good part of
  // its time (docs/performance.md). PHP asks the environment once; an operator's own setting stays.
  const bool decided = ::getenv("USE_ZEND_ALLOC_HUGE_PAGES") != nullptr;
  if (!decided) ::setenv("USE_ZEND_ALLOC_HUGE_PAGES", "1", 1);
  const Result<> started = start_php(facts);
  if (!preload_script.empty()) ::unlink(preload_script.c_str());
  if (!started) return started.error();
  if (!decided) ::unsetenv("USE_ZEND_ALLOC_HUGE_PAGES");
  if (options.clear_env) clear_environment({"USER", "HOME", "ASKR_APP_BASE"});
  keep_error_settings();
  find_extension_requests(facts.warnings);
  watch_directory_changes();
  watch_input_filter();
  watch_pcntl();
  import_request_into_environment();
  if (state.worker_mode) watch_uploads();
  watch_opcache_reset();
  if (options.rewind) {
    watch_programs();
    watch_process_changes();
  }
  if (options.boot_in_template || !options.preload_script.empty()) watch_openers();
  warn_about_unread_ini_files(facts.warnings);
  warn_about_unknown_settings(options, facts.warnings);
  warn_about_folder_settings(options, facts.warnings);
  ASKR_TRY(check_opcache(facts));
  if (facts.opcache_enabled && !find_opcache_clock()) {
    facts.warnings.emplace_back(
        "this opcache keeps the time of the boot: workers that are booted once compile later files in each request");
  }
  collect_facts(facts);
  if (options.classes == ClassList::learn) ASKR_TRY(begin_class_lessons(facts));
  remember_open_files();
  return facts;
}

Result<int> run_template(ForkPoint& fork_point) {
  state.fork_point = &fork_point;
  if (state.options.boot_in_template) return run_worker_script();
  if (!state.options.preload_script.empty()) return run_preloaded();
  fork_idle();
  if (state.sidecar != nullptr) return run_sidecar();
  if (state.worker_mode) return run_worker_script();
  return serve_requests();
}

}  // namespace askr::php
