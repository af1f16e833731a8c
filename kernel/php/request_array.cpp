#include "php/request_array.hpp"

#include <utility>

#include "php/state.hpp"
#include "php/superglobals.hpp"
#include "php/uploads.hpp"

namespace askr::php {
namespace {

// Whoever expects larger bodies reads them in pieces, so they need not fit into memory_limit.
constexpr uint64_t kLargestBody = 8 << 20;

void add_text(zval* array, std::string_view key, std::string_view text) {
  zval value;
  ZVAL_STRINGL_FAST(&value, text.data(), text.size());
  zend_hash_str_add_new(Z_ARRVAL_P(array), key.data(), key.size(), &value);
}

// What is in $_SERVER and $_POST now. The array is shared, not copied: whoever writes to it gets a copy of its own.
void add_global(zval* array, std::string_view key, zval* value) {
  Z_TRY_ADDREF_P(value);
  zend_hash_str_add_new(Z_ARRVAL_P(array), key.data(), key.size(), value);
}

// php://input: empty for a form with files, which PHP has taken apart already. Not a wrapper of the application.
void read_body(zval* value) {
  HashTable* const wrappers = std::exchange(FG(stream_wrappers), nullptr);
  php_stream* input = php_stream_open_wrapper("php://input", "rb", 0, nullptr);
  zend_string* body = input != nullptr ? php_stream_copy_to_mem(input, PHP_STREAM_COPY_ALL, false) : nullptr;
  FG(stream_wrappers) = wrappers;
  if (input != nullptr) php_stream_close(input);
  if (body != nullptr) {
    ZVAL_STR(value, body);
  } else {
    ZVAL_EMPTY_STRING(value);
  }
}

void add_body(zval* array) {
  zval body;
  if (state.request->body_size > 0 && state.request->body_size <= kLargestBody) {
    read_body(&body);
  } else {
    ZVAL_EMPTY_STRING(&body);
  }
  zend_hash_str_add_new(Z_ARRVAL_P(array), "body", 4, &body);
}

}  // namespace

void make_request_array(zval* result) {
  array_init_size(result, 8);
  add_text(result, "method", state.request->method);
  add_text(result, "uri", state.request->uri);
  add_text(result, "query", state.request->query);
  add_global(result, "headers", find_superglobal(TRACK_VARS_SERVER));
  add_body(result);
  add_global(result, "post", find_superglobal(TRACK_VARS_POST));
  zval files;
  list_uploads(&files);
  zend_hash_str_add_new(Z_ARRVAL_P(result), "files", 5, &files);
}

}  // namespace askr::php
