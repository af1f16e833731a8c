#include "php/opcache.hpp"

#include "php/internal_function.hpp"
#include "php/own_request.hpp"
#include "php/state.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

struct Answer {
  bool given = false, enabled = false, jit = false;
  unsigned preloaded = 0;
};

bool is_true(HashTable* table, const char* key) {
  zval* value = zend_hash_str_find(table, key, strlen(key));
  return value != nullptr && zend_is_true(value);
}

unsigned preloaded_classes(HashTable* status) {
  zval* all = zend_hash_str_find(status, "preload_statistics", sizeof("preload_statistics") - 1);
  if (all == nullptr || Z_TYPE_P(all) != IS_ARRAY) return 0;
  zval* classes = zend_hash_str_find(Z_ARRVAL_P(all), "classes", sizeof("classes") - 1);
  return classes != nullptr && Z_TYPE_P(classes) == IS_ARRAY ? zend_hash_num_elements(Z_ARRVAL_P(classes)) : 0;
}

void read_status(zval* status, Answer& answer) {
  if (Z_TYPE_P(status) != IS_ARRAY) return;
  answer.given = true;
  answer.enabled = is_true(Z_ARRVAL_P(status), "opcache_enabled");
  zval* jit = zend_hash_str_find(Z_ARRVAL_P(status), "jit", 3);
  answer.preloaded = preloaded_classes(Z_ARRVAL_P(status));
  answer.jit = jit != nullptr && Z_TYPE_P(jit) == IS_ARRAY && is_true(Z_ARRVAL_P(jit), "on");
}

void call_status(Answer& answer) {
  zval function;
  zval status;
  zval with_scripts;
  ZVAL_STRING(&function, "opcache_get_status");
  ZVAL_UNDEF(&status);
  ZVAL_FALSE(&with_scripts);
  if (call_user_function(nullptr, nullptr, &function, &status, 1, &with_scripts) == SUCCESS) {
    read_status(&status, answer);
  }
  zval_ptr_dtor(&status);
  zval_ptr_dtor(&function);
}

zif_handler original_reset = nullptr;

extern "C" void askr_php_opcache_reset(INTERNAL_FUNCTION_PARAMETERS) {
  if (state.port == nullptr) {
    original_reset(INTERNAL_FUNCTION_PARAM_PASSTHRU);
    return;
  }
  ZEND_PARSE_PARAMETERS_NONE();
  state.port->ask_for_reload();
  RETURN_TRUE;
}

}  // namespace

void watch_opcache_reset() {
  wrap_function("opcache_reset", askr_php_opcache_reset, original_reset);
}

Result<> check_opcache(RuntimeFacts& facts) {
  facts.opcache_installed = zend_get_extension("Zend OPcache") != nullptr;
  if (!facts.opcache_installed) {
    facts.warnings.emplace_back("opcache is not loaded: every request compiles its scripts again");
    return ok();
  }
  if (zend_ini_long("opcache.enable", sizeof("opcache.enable") - 1, 0) == 0) {
    facts.warnings.emplace_back("opcache is switched off (opcache.enable=0): every request compiles its scripts again");
    return ok();
  }
  Answer answer;
  run_own_request([&answer] { call_status(answer); });
  facts.opcache_enabled = answer.enabled;
  facts.jit_enabled = answer.jit;
  facts.preloaded_classes = answer.preloaded;
  if (!answer.enabled)
    return Error{"opcache is installed and does not work; its own message is above, or set opcache.enable=0"};
  return ok();
}

}  // namespace askr::php
