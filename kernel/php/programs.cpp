#include "php/programs.hpp"

#include "php/internal_function.hpp"
#include "php/state.hpp"

namespace askr::php {
namespace {

zif_handler original_proc_open = nullptr;

void askr_php_proc_open(INTERNAL_FUNCTION_PARAMETERS) {
  const bool had_forked = state.port != nullptr && state.port->has_forked();
  original_proc_open(INTERNAL_FUNCTION_PARAM_PASSTHRU);
  if (state.port != nullptr) state.port->set_forked(had_forked);
}

}  // namespace

void watch_programs() {
  wrap_function("proc_open", askr_php_proc_open, original_proc_open);
}

}  // namespace askr::php
