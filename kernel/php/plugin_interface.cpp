#include "php/plugin_interface.hpp"

#include "php/callables.hpp"
#include "php/plugin_functions.hpp"
#include "php/state.hpp"

namespace askr::php {
namespace {

int32_t is_given(const askr_php_call* call, uint32_t index) {
  return index < call->given && !call->is_null[index] ? 1 : 0;
}

int64_t int_argument(const askr_php_call* call, uint32_t index) {
  return is_given(call, index) != 0 ? call->values[index].number : 0;
}

double float_argument(const askr_php_call* call, uint32_t index) {
  return is_given(call, index) != 0 ? call->values[index].real : 0;
}

askr_str string_argument(const askr_php_call* call, uint32_t index) {
  if (is_given(call, index) == 0) return {};
  const zend_string* text = call->values[index].text;
  return {ZSTR_VAL(text), ZSTR_LEN(text)};
}

askr_callable* keep_argument(askr_php_call* call, uint32_t index) {
  if (is_given(call, index) == 0) return nullptr;
  return keep_callable(call->values[index].callable, call->target->plugin.c_str());
}

// A value may be set again.
zval* result_of(askr_php_call* call) {
  zval_ptr_dtor(call->result);
  return call->result;
}

void return_null(askr_php_call* call) {
  ZVAL_NULL(result_of(call));
}

void return_bool(askr_php_call* call, int32_t value) {
  ZVAL_BOOL(result_of(call), value != 0);
}

void return_int(askr_php_call* call, int64_t value) {
  ZVAL_LONG(result_of(call), value);
}

void return_float(askr_php_call* call, double value) {
  ZVAL_DOUBLE(result_of(call), value);
}

void return_string(askr_php_call* call, askr_str value) {
  ZVAL_STRINGL_FAST(result_of(call), value.data == nullptr ? "" : value.data, value.size);
}

char* return_buffer(askr_php_call* call, size_t size) {
  if (size > ZEND_LONG_MAX / 2) return nullptr;
  zend_string* text = zend_string_alloc(size, false);
  ZSTR_VAL(text)[size] = '\0';
  ZVAL_NEW_STR(result_of(call), text);
  return ZSTR_VAL(text);
}

void warn(askr_php_call* /*call*/, askr_str text) {
  php_error_docref(nullptr, E_WARNING, "%.*s", static_cast<int>(text.size), text.data == nullptr ? "" : text.data);
}

void set_deferred(int32_t deferred) {
  if (state.port != nullptr) state.port->set_deferred(deferred != 0);
}

askr_str request_id() {
  if (state.request == nullptr) return {};
  return {state.request->id.data(), state.request->id.size()};
}

}  // namespace

askr_php php_interface() {
  return {sizeof(askr_php), nullptr,     is_given,        int_argument,     float_argument, string_argument,
          keep_argument,    return_null, return_bool,     return_int,       return_float,   return_string,
          return_buffer,    warn,        invoke_callable, release_callable, set_deferred,   request_id};
}

}  // namespace askr::php
