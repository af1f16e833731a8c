#include "php/uncaught.hpp"

#include "php/state.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

void forget_exception() {
  zend_object* exception = EG(exception);
  EG(exception) = nullptr;
  OBJ_RELEASE(exception);
}

bool is_exit(zend_object* exception) {
  return zend_is_unwind_exit(exception) || zend_is_graceful_exit(exception);
}

void answer_uncaught() {
  if (SG(headers_sent)) {
    state.response_broken = !PG(display_errors);
  } else {
    SG(sapi_headers).http_response_code = 500;
  }
  zend_exception_error(EG(exception), E_ERROR);
}

// set_exception_handler() works inside the handler as well; where it was not called, the handler is put back.
void put_handler_back() {
  if (Z_TYPE(EG(user_exception_handler)) != IS_UNDEF) return;
  zval* earlier = static_cast<zval*>(zend_stack_top(&EG(user_exception_handlers)));
  if (earlier == nullptr) return;
  ZVAL_COPY_VALUE(&EG(user_exception_handler), earlier);
  zend_stack_del_top(&EG(user_exception_handlers));
}

// zend_user_exception_handler() is made for the outermost frame, where an exception that the handler throws is reported
// on its way. Below the worker script it would swallow that one.
void call_application_handler() {
  zval handler;
  zval exception;
  zval result;
  ZVAL_COPY_VALUE(&handler, &EG(user_exception_handler));
  zend_stack_push(&EG(user_exception_handlers), &handler);
  ZVAL_UNDEF(&EG(user_exception_handler));  // it is not called for what it throws itself
  ZVAL_OBJ(&exception, EG(exception));
  ZVAL_UNDEF(&result);
  EG(exception) = nullptr;
  call_user_function(nullptr, nullptr, &handler, &result, 1, &exception);
  zval_ptr_dtor(&result);
  zval_ptr_dtor(&exception);
  put_handler_back();
}

// A fatal error happened where PHP caught it on the way to us (in a shutdown function; running out of memory, which
// some builds unwind like exit()). Nothing can go on in this script, so it is left as after any other fatal error.
void leave_if_broken() {
  if (!CG(unclean_shutdown)) return;
  if (EG(exception) != nullptr) forget_exception();
  zend_bailout();
}

}  // namespace

// What PHP does at the end of a script: the application's own handler first, then the log.
bool settle_and_go_on() {
  leave_if_broken();
  if (EG(exception) != nullptr && !is_exit(EG(exception)) && Z_TYPE(EG(user_exception_handler)) != IS_UNDEF) {
    call_application_handler();
  }
  if (EG(exception) == nullptr) return true;
  if (is_exit(EG(exception))) {
    forget_exception();
  } else {
    answer_uncaught();
  }
  return false;
}

void settle_exception() {
  settle_and_go_on();
}

}  // namespace askr::php
