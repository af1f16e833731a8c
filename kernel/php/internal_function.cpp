#include "php/internal_function.hpp"

namespace askr::php {
namespace {

const HashTable* table_of(std::string_view class_name) {
  const auto* type = static_cast<const zend_class_entry*>(
      zend_hash_str_find_ptr(CG(class_table), class_name.data(), class_name.size()));
  return type != nullptr ? &type->function_table : nullptr;
}

}  // namespace

void wrap_function(std::string_view name, zif_handler handler, zif_handler& original) {
  const size_t colons = name.find("::");
  const bool is_method = colons != std::string_view::npos;
  const HashTable* table = is_method ? table_of(name.substr(0, colons)) : CG(function_table);
  if (table == nullptr) return;
  if (is_method) name.remove_prefix(colons + 2);
  auto* function = static_cast<zend_function*>(zend_hash_str_find_ptr(table, name.data(), name.size()));
  if (function == nullptr || function->type != ZEND_INTERNAL_FUNCTION) return;
  original = function->internal_function.handler;
  function->internal_function.handler = handler;
}

}  // namespace askr::php
