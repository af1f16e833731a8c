#include "php/input_filter.hpp"

#include "php/internal_function.hpp"
#include "php/variables.hpp"

namespace askr::php {
namespace {

bool handed_over = false;

void hand_over(zend_string* name, zval* value) {
  if (Z_TYPE_P(value) != IS_STRING) return;
  // The filter may replace the text by one of its own.
  char* text = estrndup(Z_STRVAL_P(value), Z_STRLEN_P(value));
  size_t size = 0;
  sapi_module.input_filter(PARSE_SERVER, ZSTR_VAL(name), &text, Z_STRLEN_P(value), &size);
  efree(text);
}

void hand_over_server() {
  if (handed_over) return;
  zval* server = server_array();
  handed_over = true;
  if (Z_TYPE_P(server) != IS_ARRAY) return;
  zend_string* name = nullptr;
  zval* value = nullptr;
  ZEND_HASH_FOREACH_STR_KEY_VAL(Z_ARRVAL_P(server), name, value) {
    if (name != nullptr) hand_over(name, value);
  }
  ZEND_HASH_FOREACH_END();
}

zif_handler original_input = nullptr;
zif_handler original_input_array = nullptr;
zif_handler original_has_var = nullptr;

extern "C" void askr_php_filter_input(INTERNAL_FUNCTION_PARAMETERS) {
  hand_over_server();
  original_input(INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

extern "C" void askr_php_filter_input_array(INTERNAL_FUNCTION_PARAMETERS) {
  hand_over_server();
  original_input_array(INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

extern "C" void askr_php_filter_has_var(INTERNAL_FUNCTION_PARAMETERS) {
  hand_over_server();
  original_has_var(INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

}  // namespace

void watch_input_filter() {
  wrap_function("filter_input", askr_php_filter_input, original_input);
  wrap_function("filter_input_array", askr_php_filter_input_array, original_input_array);
  wrap_function("filter_has_var", askr_php_filter_has_var, original_has_var);
}

void invalidate_input_filter() {
  handed_over = false;
}

}  // namespace askr::php
