// PHP functions of plugins: made known to PHP as if they were written in C, and called without a search.
#pragma once

#include <vector>

#include "php/plugin_parts.hpp"
#include "php/zend.hpp"

// One call, on the stack of the function that PHP has called.
struct askr_php_call {
  static constexpr uint32_t kMostParameters = 8;
  union Value {
    zend_long number;
    double real;
    zend_string* text;
    zval* callable;
  };
  const askr::php::PluginFunction* target;
  uint32_t given;  // arguments that PHP passed
  bool is_null[kMostParameters];
  Value values[kMostParameters];
  zval* result;
};

namespace askr::php {

// `stubs` (ends with an empty entry) are functions that do nothing useful; those that a plugin has are left out. The
// table is for the life of the process. A declaration that PHP cannot have is logged and left out.
const zend_function_entry* merge_functions(const zend_function_entry* stubs,
                                           const std::vector<PluginFunction>& plugins);
// Once PHP knows the functions.
void bind_functions(const std::vector<PluginFunction>& plugins);

}  // namespace askr::php
