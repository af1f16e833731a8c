#include "php/last_steps.hpp"

#include "php/engine_state.hpp"
#include "php/uncaught.hpp"
#include "php/zend.hpp"

namespace askr::php {

void run_step_in_frame(Step step) {
  step();
  settle_exception();
}

void run_step_alone(Step step) {
  EG(current_execute_data) = nullptr;
  EG(flags) |= EG_FLAGS_IN_SHUTDOWN;
  forget_lack_of_memory(executor_globals);
  zend_try {
    step();
  }
  zend_end_try();
}

}  // namespace askr::php
