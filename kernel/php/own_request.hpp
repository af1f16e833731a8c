// A PHP request of the server's own: for no client, to ask PHP something. In a process that serves nothing yet.
#pragma once

#include "php/boot_info.hpp"
#include "php/zend.hpp"

namespace askr::php {

// Calls run() within the request unless it cannot be begun. PHP may leave run() by longjmp, which ends here.
template <class Run>
void run_own_request(const Run& run) {
  open_boot_info();
  zend_first_try {
    if (php_request_startup() == SUCCESS) run();
    php_request_shutdown(nullptr);
  }
  zend_end_try();
}

}  // namespace askr::php
