#include "php/functions.hpp"

#include "php/arginfo.hpp"
#include "php/fork.hpp"
#include "php/output.hpp"
#include "php/sidecar.hpp"
#include "php/state.hpp"
#include "php/test_run.hpp"
#include "php/variables.hpp"
#include "php/worker_loop.hpp"

namespace askr::php {
namespace {

PHP_FUNCTION(askr_handle_request) {
  zend_fcall_info handler;
  zend_fcall_info_cache handler_cache;
  ZEND_PARSE_PARAMETERS_START(1, 1)
  Z_PARAM_FUNC(handler, handler_cache)
  ZEND_PARSE_PARAMETERS_END();
  RETURN_BOOL(handle_next_request(handler, handler_cache));
}

// Here workers begin that are forked from a booted script; nothing elsewhere, and nothing the second time.
PHP_FUNCTION(askr_cow_ready) {
  ZEND_PARSE_PARAMETERS_NONE();
  if (reach_fork_point()) RETURN_NULL();
}

PHP_FUNCTION(askr_before_fork) {
  zend_fcall_info call;
  zend_fcall_info_cache cache;
  ZEND_PARSE_PARAMETERS_START(1, 1)
  Z_PARAM_FUNC(call, cache)
  ZEND_PARSE_PARAMETERS_END();
  RETURN_BOOL(add_before_fork(&call.function_name));
}

PHP_FUNCTION(askr_after_fork) {
  zend_fcall_info call;
  zend_fcall_info_cache cache;
  ZEND_PARSE_PARAMETERS_START(1, 1)
  Z_PARAM_FUNC(call, cache)
  ZEND_PARSE_PARAMETERS_END();
  RETURN_BOOL(add_after_fork(&call.function_name));
}

PHP_FUNCTION(askr_should_stop) {
  ZEND_PARSE_PARAMETERS_NONE();
  RETURN_BOOL(sidecar_should_stop());
}

PHP_FUNCTION(askr_finish_request) {
  ZEND_PARSE_PARAMETERS_NONE();
  RETURN_BOOL(finish_early());
}

// Only early hints can be sent ahead of the response.
PHP_FUNCTION(headers_send) {
  zend_long status = 103;
  ZEND_PARSE_PARAMETERS_START(0, 1)
  Z_PARAM_OPTIONAL
  Z_PARAM_LONG(status)
  ZEND_PARSE_PARAMETERS_END();
  RETURN_LONG(status == 103 && send_early_hints() ? status : 0);
}

PHP_FUNCTION(getallheaders) {
  ZEND_PARSE_PARAMETERS_NONE();
  request_headers(return_value);
}

PHP_FUNCTION(apache_response_headers) {
  ZEND_PARSE_PARAMETERS_NONE();
  response_headers(return_value);
}

PHP_FUNCTION(askr_defer) {
  zend_fcall_info callback;
  zend_fcall_info_cache callback_cache;
  ZEND_PARSE_PARAMETERS_START(1, 1)
  Z_PARAM_FUNC(callback, callback_cache)
  ZEND_PARSE_PARAMETERS_END();
  RETURN_FALSE;
}

PHP_FUNCTION(askr_cache_get) {
  zend_string* key = nullptr;
  ZEND_PARSE_PARAMETERS_START(1, 1)
  Z_PARAM_STR(key)
  ZEND_PARSE_PARAMETERS_END();
  RETURN_NULL();
}

PHP_FUNCTION(askr_cache_set) {
  zend_string* key = nullptr;
  zend_string* value = nullptr;
  zend_long ttl = 0;
  ZEND_PARSE_PARAMETERS_START(2, 3)
  Z_PARAM_STR(key)
  Z_PARAM_STR(value)
  Z_PARAM_OPTIONAL
  Z_PARAM_LONG(ttl)
  ZEND_PARSE_PARAMETERS_END();
  RETURN_FALSE;
}

PHP_FUNCTION(askr_cache_delete) {
  zend_string* key = nullptr;
  ZEND_PARSE_PARAMETERS_START(1, 1)
  Z_PARAM_STR(key)
  ZEND_PARSE_PARAMETERS_END();
  RETURN_FALSE;
}

PHP_FUNCTION(askr_cache_touch) {
  zend_string* key = nullptr;
  zend_long ttl = 0;
  ZEND_PARSE_PARAMETERS_START(1, 2)
  Z_PARAM_STR(key)
  Z_PARAM_OPTIONAL
  Z_PARAM_LONG(ttl)
  ZEND_PARSE_PARAMETERS_END();
  RETURN_FALSE;
}

PHP_FUNCTION(askr_cache_increment) {
  zend_string* key = nullptr;
  zend_long delta = 1;
  zend_long ttl = 0;
  ZEND_PARSE_PARAMETERS_START(1, 3)
  Z_PARAM_STR(key)
  Z_PARAM_OPTIONAL
  Z_PARAM_LONG(delta)
  Z_PARAM_LONG(ttl)
  ZEND_PARSE_PARAMETERS_END();
  RETURN_LONG(0);
}

PHP_FUNCTION(askr_cache_flush) {
  ZEND_PARSE_PARAMETERS_NONE();
  RETURN_NULL();
}

PHP_FUNCTION(askr_cache_forget_tag) {
  zend_string* tag = nullptr;
  ZEND_PARSE_PARAMETERS_START(1, 1)
  Z_PARAM_STR(tag)
  ZEND_PARSE_PARAMETERS_END();
  RETURN_NULL();
}

PHP_FUNCTION(askr_broadcast) {
  zend_string* channel = nullptr;
  zend_string* payload = nullptr;
  ZEND_PARSE_PARAMETERS_START(2, 2)
  Z_PARAM_STR(channel)
  Z_PARAM_STR(payload)
  ZEND_PARSE_PARAMETERS_END();
  RETURN_FALSE;
}

// ---------------------------------------------------------------- askr test

PHP_FUNCTION(askr_test_settings) {
  ZEND_PARSE_PARAMETERS_NONE();
  RETURN_STRINGL(test_settings().data(), test_settings().size());
}

std::string piece_text;  // static, see zend.hpp

// The piece that this process is to run; null in the warm process, once all are done.
PHP_FUNCTION(askr_test_fork) {
  zend_string* plan = nullptr;
  ZEND_PARSE_PARAMETERS_START(1, 1)
  Z_PARAM_STR(plan)
  ZEND_PARSE_PARAMETERS_END();
  if (!fork_tests({ZSTR_VAL(plan), ZSTR_LEN(plan)}, piece_text) || piece_text.empty()) RETURN_NULL();
  RETURN_STRINGL(piece_text.data(), piece_text.size());
}

PHP_FUNCTION(askr_test_report) {
  zend_string* event = nullptr;
  ZEND_PARSE_PARAMETERS_START(1, 1)
  Z_PARAM_STR(event)
  ZEND_PARSE_PARAMETERS_END();
  report_test_event({ZSTR_VAL(event), ZSTR_LEN(event)});
}

PHP_FUNCTION(askr_test_end) {
  ZEND_PARSE_PARAMETERS_NONE();
  end_test_piece();
}

const zend_function_entry test_functions[] = {
    PHP_FE(askr_test_settings, arginfo_nothing_to_string) PHP_FE(askr_test_fork, arginfo_test_fork)
        PHP_FE(askr_test_report, arginfo_test_report) PHP_FE(askr_test_end, arginfo_nothing_to_void)
            PHP_FE(askr_before_fork, arginfo_fork_hook) PHP_FE(askr_after_fork, arginfo_fork_hook) PHP_FE_END};

const zend_function_entry functions[] = {
    PHP_FE(askr_handle_request, arginfo_handle_request) PHP_FE(askr_cow_ready, arginfo_nothing_to_void)
        PHP_FE(askr_before_fork, arginfo_fork_hook) PHP_FE(askr_after_fork, arginfo_fork_hook)
            PHP_FE(askr_should_stop, arginfo_nothing_to_bool) PHP_FE(askr_finish_request, arginfo_nothing_to_bool)
                PHP_FALIAS(fastcgi_finish_request, askr_finish_request, arginfo_nothing_to_bool)
                    PHP_FE(headers_send, arginfo_headers_send) PHP_FE(getallheaders, arginfo_nothing_to_array)
                        PHP_FALIAS(apache_request_headers, getallheaders, arginfo_nothing_to_array)
                            PHP_FE(apache_response_headers, arginfo_nothing_to_array) PHP_FE(askr_defer, arginfo_defer)
                                PHP_FE(askr_cache_get, arginfo_cache_get) PHP_FE(askr_cache_set, arginfo_cache_set)
                                    PHP_FALIAS(askr_cache_add, askr_cache_set, arginfo_cache_set)
                                        PHP_FE(askr_cache_delete, arginfo_cache_delete)
                                            PHP_FE(askr_cache_touch, arginfo_cache_touch)
                                                PHP_FE(askr_cache_increment, arginfo_cache_increment)
                                                    PHP_FE(askr_cache_flush, arginfo_nothing_to_void)
                                                        PHP_FE(askr_cache_forget_tag, arginfo_cache_forget_tag)
                                                            PHP_FE(askr_broadcast, arginfo_broadcast) PHP_FE_END};

}  // namespace

const zend_function_entry* function_table() {
  return state.options.command_line ? test_functions : functions;
}

}  // namespace askr::php
