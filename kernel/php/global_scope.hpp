// A file of PHP has the variables of the function that includes it. Where it is to have the global ones, like the
// script that PHP was started with, it has to run as if the frame of that script had included it.
#pragma once

#include "php/zend.hpp"

namespace askr::php {

// The frame of the script; nullptr when none runs.
zend_execute_data* find_global_scope();

template <class Run>
void run_in_global_scope(const Run& run) {
  zend_execute_data* const innermost = EG(current_execute_data);
  zend_execute_data* const scope = find_global_scope();
  const zend_op* const place = scope != nullptr ? scope->opline : nullptr;
  EG(current_execute_data) = scope;
  run();
  if (scope != nullptr) scope->opline = place;  // an exception moves it
  EG(current_execute_data) = innermost;
}

}  // namespace askr::php
