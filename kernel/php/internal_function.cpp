#include "php/internal_function.hpp"

namespace askr::php {

void wrap_function(std::string_view name, zif_handler handler, zif_handler& original) {
  auto* function = static_cast<zend_function*>(zend_hash_str_find_ptr(CG(function_table), name.data(), name.size()));
  if (function == nullptr || function->type != ZEND_INTERNAL_FUNCTION) return;
  original = function->internal_function.handler;
  function->internal_function.handler = handler;
}

}  // namespace askr::php
