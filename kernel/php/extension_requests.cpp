#include "php/extension_requests.hpp"

#include <strings.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "php/state.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

bool is_same(std::string_view left, std::string_view right) {
  return left.size() == right.size() && strncasecmp(left.data(), right.data(), left.size()) == 0;
}

// These keep what the boot of an application has set up, or what it still uses.
constexpr std::array<std::string_view, 24> kKept{
    "core",          "standard",   "askr",                // PHP and Askr themselves: fresh_request.cpp
    "session",       "filter",     "zlib",                // they take part, at a place of their own there
    "zend opcache",                                       // its scripts serve every request; opcache_clock.hpp
    "date",                                               // date_default_timezone_set()
    "spl",                                                // autoload functions
    "mbstring",                                           // mb_internal_encoding(), mb_language() and their kin
    "libxml",                                             // libxml_use_internal_errors(), contexts, loaders of entities
    "pcre",                                               // compiled expressions are in use
    "pcntl",                                              // signal handlers
    "phar",                                               // an application that runs from an archive
    "ffi",                                                // callbacks and definitions
    "readline",                                           // completion functions
    "uopz",          "runkit7",    "componere",           // changes of functions and classes
    "opentelemetry",                                      // hooks that packages register while they are loaded
    "swoole",        "openswoole", "ev",        "event",  // event loops
};

// They know the function that is running by having been told of each entry and exit.
constexpr std::array<std::string_view, 2> kDebuggers{"xdebug", "php_debugger"};

enum class Phase : uint8_t { running, ended, gone };

class Group {
 public:
  void add(const zend_module_entry* module) {
    if (module->request_startup_func != nullptr) begin_.push_back(module);
    if (module->request_shutdown_func != nullptr) end_.insert(end_.begin(), module);
    if (module->post_deactivate_func != nullptr) release_.push_back(module);
  }

  void begin() {
    if (phase_ == Phase::running) return;
    let_go();
    phase_ = Phase::running;
    for (const zend_module_entry* module : begin_) {
      if (module->request_startup_func(module->type, module->module_number) == SUCCESS) continue;
      zend_error(E_ERROR, "The extension %s cannot begin a request", module->name);
    }
  }

  // As PHP has it: one that fails fatally does not keep the others from ending.
  void end() {
    if (phase_ != Phase::running) return;
    phase_ = Phase::ended;
    for (next_ = 0; next_ < end_.size();) {
      zend_try {
        while (next_ < end_.size()) end_one(end_[next_++]);
      }
      zend_catch {
        state.recycle = true;
      }
      zend_end_try();
    }
  }

  void let_go() {
    if (phase_ != Phase::ended) return;
    phase_ = Phase::gone;
    for (const zend_module_entry* module : release_) module->post_deactivate_func();
  }

 private:
  static void end_one(const zend_module_entry* module) {
    module->request_shutdown_func(module->type, module->module_number);
  }

  std::vector<const zend_module_entry*> begin_;    // in the order in which PHP starts them
  std::vector<const zend_module_entry*> end_;      // in the reverse order
  std::vector<const zend_module_entry*> release_;  // when all have ended
  size_t next_ = 0;                                // of end_; lives through a longjmp
  Phase phase_ = Phase::running;                   // PHP begins a request for the boot
};
Group ordinary, debuggers;

// As they were before a debugger has begun its first request. It hangs itself in front of them then, and does not
// expect an error outside its requests.
struct ErrorHooks {
  decltype(zend_error_cb) error;
  decltype(zend_throw_exception_hook) exception;
};
ErrorHooks hooks{};
std::vector<const zend_extension*> zend_extensions_of_requests;
bool zend_extensions_are_active = true;

template <class Names>
bool contains(const Names& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [name](std::string_view other) { return is_same(other, name); });
}

bool takes_part(std::string_view name) {
  return !contains(kKept, name) && !contains(state.options.keep_extensions, name);
}

void let_go_of_debuggers() {
  debuggers.let_go();
  zend_error_cb = hooks.error;
  zend_throw_exception_hook = hooks.exception;
}

bool is_loaded(const std::string& name) {
  if (zend_get_extension(name.c_str()) != nullptr) return true;
  zend_string* lowered = zend_string_init(name.data(), name.size(), true);
  zend_str_tolower(ZSTR_VAL(lowered), ZSTR_LEN(lowered));
  const bool found = zend_hash_exists(&module_registry, lowered);
  zend_string_release(lowered);
  return found;
}

}  // namespace

void find_extension_requests(std::vector<std::string>& warnings) {
  hooks = {zend_error_cb, zend_throw_exception_hook};
  void* entry = nullptr;
  ZEND_HASH_FOREACH_PTR(&module_registry, entry) {
    const auto* module = static_cast<const zend_module_entry*>(entry);
    if (takes_part(module->name)) (contains(kDebuggers, module->name) ? debuggers : ordinary).add(module);
  }
  ZEND_HASH_FOREACH_END();
  zend_llist_position at;
  for (void* item = zend_llist_get_first_ex(&zend_extensions, &at); item != nullptr;
       item = zend_llist_get_next_ex(&zend_extensions, &at)) {
    const auto* extension = static_cast<const zend_extension*>(item);
    const bool has_hooks = extension->activate != nullptr || extension->deactivate != nullptr;
    if (has_hooks && takes_part(extension->name)) zend_extensions_of_requests.push_back(extension);
  }
  for (const std::string& name : state.options.keep_extensions) {
    if (!is_loaded(name)) warnings.push_back("worker.keep_extensions names " + name + ", which PHP has not loaded");
  }
}

void spare_debuggers() {
  debuggers.end();
  let_go_of_debuggers();
}

void end_extension_requests() {
  if (ZEND_OBSERVER_ENABLED) zend_observer_fcall_end_all();
  debuggers.end();
  ordinary.end();
}

void let_go_of_extension_requests() {
  zend_extensions_are_active = false;
  for (const zend_extension* extension : zend_extensions_of_requests) {
    if (extension->deactivate != nullptr) extension->deactivate();
  }
  ordinary.let_go();
  let_go_of_debuggers();
}

void activate_zend_extensions() {
  zend_extensions_are_active = true;
  for (const zend_extension* extension : zend_extensions_of_requests) {
    if (extension->activate != nullptr) extension->activate();
  }
}

void begin_extension_requests() {
  ordinary.begin();
  debuggers.begin();
}

void rejoin_extension_requests() {
  if (!zend_extensions_are_active) activate_zend_extensions();
  begin_extension_requests();
}

}  // namespace askr::php
