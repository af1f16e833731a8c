#include "php/syntax_check.hpp"

#include <fmt/core.h>

#include "php/own_request.hpp"
#include "php/state.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

void compile(const char* script) {
  zend_file_handle file;
  zend_stream_init_filename(&file, script);
  php_lint_script(&file);
  zend_destroy_file_handle(&file);
}

}  // namespace

std::string syntax_error_of(const std::string& script) {
  state.script_filename = script;
  state.booting = true;  // so the log says nothing
  state.failure.seen = false;
  run_own_request([&script] { compile(script.c_str()); });
  if (!state.failure.seen) return {};
  return fmt::format("{} in {}:{}", state.failure.message, state.failure.file, state.failure.line);
}

}  // namespace askr::php
