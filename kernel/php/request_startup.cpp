#include "php/request_startup.hpp"

#include "php/zend.hpp"

namespace askr::php {
namespace {

struct ErrorSettings {
  int reporting;
  zend_uchar display;
  bool log, html;
  char* log_file;

  static ErrorSettings current() {
    return {EG(error_reporting), PG(display_errors), PG(log_errors), PG(html_errors), PG(error_log)};
  }
  void use() const {
    EG(error_reporting) = reporting;
    PG(display_errors) = display;
    PG(log_errors) = log;
    PG(html_errors) = html;
    PG(error_log) = log_file;
  }
};
ErrorSettings of_php;

// What is set aside. Plain memory: PHP may leave a start by longjmp.
struct Application {
  zval error_handler;
  ErrorSettings errors;
  zend_class_entry* (*autoload)(zend_string*, zend_string*);
  HashTable* stream_wrappers;
  zend_execute_data* frame;
};
Application aside;

enum class Step : uint8_t { none, without_application, with_application };
Step step = Step::none;

}  // namespace

void keep_error_settings() {
  of_php = ErrorSettings::current();
}

void begin_startup() {
  step = Step::without_application;
  aside = {EG(user_error_handler), ErrorSettings::current(), zend_autoload, FG(stream_wrappers),
           EG(current_execute_data)};
  ZVAL_UNDEF(&EG(user_error_handler));
  of_php.use();
  zend_autoload = nullptr;
  FG(stream_wrappers) = nullptr;
  EG(current_execute_data) = nullptr;
  PG(during_request_startup) = true;
  PG(modules_activated) = false;  // or the session extension would note no progress of an upload
}

void allow_application() {
  if (step != Step::without_application) return;
  step = Step::with_application;
  zend_autoload = aside.autoload;
  FG(stream_wrappers) = aside.stream_wrappers;
  if (!CG(unclean_shutdown)) EG(current_execute_data) = aside.frame;  // otherwise a longjmp has left it
}

void end_startup() {
  if (step == Step::none) return;
  allow_application();
  step = Step::none;
  PG(during_request_startup) = false;
  PG(modules_activated) = true;
  aside.errors.use();
  zval_ptr_dtor(&EG(user_error_handler));  // of a session handler that has just been called
  ZVAL_COPY_VALUE(&EG(user_error_handler), &aside.error_handler);
}

}  // namespace askr::php
