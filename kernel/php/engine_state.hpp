// What PHP's engine loses when code of the application is left by longjmp. Plain data.
#pragma once

#include "php/zend.hpp"

namespace askr::php {

// Builds that unwind when memory has run out remember that until the end of the script, and call nothing any more.
template <class Globals>
void forget_lack_of_memory(Globals& globals) {
  if constexpr (requires { globals.delayed_oom; }) globals.delayed_oom = {};
}

struct EngineState {
  zend_execute_data* frame = EG(current_execute_data);
  zval* stack_top = EG(vm_stack_top);
  zval* stack_end = EG(vm_stack_end);
  zend_vm_stack stack = EG(vm_stack);
  zend_uchar flags = EG(flags);
  bool unclean = CG(unclean_shutdown);

  void restore() const {
    EG(current_execute_data) = frame;
    EG(vm_stack_top) = stack_top;
    EG(vm_stack_end) = stack_end;
    EG(vm_stack) = stack;
    EG(flags) = flags;
    CG(unclean_shutdown) = unclean;
    forget_lack_of_memory(executor_globals);
  }
};

}  // namespace askr::php
