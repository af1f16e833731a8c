#include "php/leak_sources.hpp"
#include "php/leak_values.hpp"

#include <fmt/core.h>

namespace askr::php {
namespace {

Slot make_slot(StateKind kind, std::string name, std::string owner) {
  Slot slot;
  slot.kind = kind;
  slot.name = std::move(name);
  slot.owner = std::move(owner);
  slot.key = fmt::format("variable {} {}{}", static_cast<int>(kind), slot.name, slot.owner);
  return slot;
}

// Declared, but not yet where the program gets to: PHP keeps these under names that begin so.
bool is_pending(const zend_string* key) {
  return key != nullptr && ZSTR_LEN(key) > 0 && ZSTR_VAL(key)[0] == '\0';
}

void note_static_variables(ValueWalker& walker, const zend_op_array& function, const std::string& name) {
  if (function.static_variables == nullptr) return;
  auto* variables = static_cast<HashTable*>(ZEND_MAP_PTR_GET(function.static_variables_ptr));
  if (variables == nullptr) return;  // it has not run yet
  const std::string owner = fmt::format(" of {}() ({})", name, code_place(function.filename, function.line_start));
  zend_string* key = nullptr;
  zval* value = nullptr;
  ZEND_HASH_FOREACH_STR_KEY_VAL(variables, key, value) {
    walker.add_unless_initial(make_slot(StateKind::static_variable, std::string("$") + ZSTR_VAL(key), owner), value,
                              zend_hash_find(function.static_variables, key));
  }
  ZEND_HASH_FOREACH_END();
}

void note_functions(ValueWalker& walker) {
  zend_string* key = nullptr;
  void* entry = nullptr;
  ZEND_HASH_FOREACH_STR_KEY_PTR(EG(function_table), key, entry) {
    const auto* function = static_cast<zend_function*>(entry);
    if (function->type != ZEND_USER_FUNCTION || is_pending(key)) continue;
    note_static_variables(walker, function->op_array, ZSTR_VAL(function->common.function_name));
  }
  ZEND_HASH_FOREACH_END();
}

// An inherited method shares its static variables with the parent's.
void note_methods(ValueWalker& walker, zend_class_entry* type) {
  if ((type->ce_flags & ZEND_HAS_STATIC_IN_METHODS) == 0) return;
  void* entry = nullptr;
  ZEND_HASH_FOREACH_PTR(&type->function_table, entry) {
    const auto* method = static_cast<zend_function*>(entry);
    if (method->type != ZEND_USER_FUNCTION || method->common.scope != type) continue;
    note_static_variables(walker, method->op_array, class_name(type) + "::" + ZSTR_VAL(method->common.function_name));
  }
  ZEND_HASH_FOREACH_END();
}

// An inherited property is the parent's.
void note_properties(ValueWalker& walker, zend_class_entry* type) {
  const zval* values = type->default_static_members_count > 0 ? CE_STATIC_MEMBERS(type) : nullptr;
  if (values == nullptr) return;  // not used yet
  const bool internal = type->type == ZEND_INTERNAL_CLASS;
  const std::string owner =
      internal ? "" : fmt::format(" ({})", code_place(type->info.user.filename, type->info.user.line_start));
  void* entry = nullptr;
  ZEND_HASH_FOREACH_PTR(&type->properties_info, entry) {
    const auto* property = static_cast<zend_property_info*>(entry);
    if ((property->flags & ZEND_ACC_STATIC) == 0 || property->ce != type) continue;
    const std::string name = class_name(type) + "::$" + zend_get_unmangled_property_name(property->name);
    walker.add_unless_initial(make_slot(StateKind::static_property, name, owner), &values[property->offset],
                              &type->default_static_members_table[property->offset]);
  }
  ZEND_HASH_FOREACH_END();
}

void note_classes(ValueWalker& walker) {
  zend_string* key = nullptr;
  void* entry = nullptr;
  ZEND_HASH_FOREACH_STR_KEY_PTR(EG(class_table), key, entry) {
    auto* type = static_cast<zend_class_entry*>(entry);
    const bool alias = !zend_string_equals_ci(key, type->name);
    if (is_pending(key) || alias || (type->ce_flags & ZEND_ACC_LINKED) == 0) continue;
    note_methods(walker, type);
    note_properties(walker, type);
  }
  ZEND_HASH_FOREACH_END();
}

// What is made anew for each request.
bool is_superglobal(zend_string* name) {
  return zend_hash_exists(CG(auto_globals), name);
}

void note_globals(ValueWalker& walker) {
  zend_string* name = nullptr;
  zval* value = nullptr;
  ZEND_HASH_FOREACH_STR_KEY_VAL(&EG(symbol_table), name, value) {
    if (Z_TYPE_P(value) == IS_INDIRECT) value = Z_INDIRECT_P(value);
    if (name == nullptr || Z_TYPE_P(value) == IS_UNDEF || is_superglobal(name)) continue;
    walker.add(make_slot(StateKind::global_variable, std::string("$") + ZSTR_VAL(name), ""), value);
  }
  ZEND_HASH_FOREACH_END();
}

void note_constants(ValueWalker& walker) {
  void* entry = nullptr;
  ZEND_HASH_FOREACH_PTR(EG(zend_constants), entry) {
    const auto* constant = static_cast<zend_constant*>(entry);
    if (ZEND_CONSTANT_MODULE_NUMBER(constant) != PHP_USER_CONSTANT || constant->name == nullptr) continue;
    walker.add(make_slot(StateKind::constant, ZSTR_VAL(constant->name), ""), &constant->value);
  }
  ZEND_HASH_FOREACH_END();
}

}  // namespace

// What a class or a function keeps is named before a global variable that leads to the same object.
void note_variables(Snapshot& snapshot) {
  ValueWalker walker(snapshot);
  note_functions(walker);
  note_classes(walker);
  note_globals(walker);
  note_constants(walker);
  walker.expand_objects();
}

}  // namespace askr::php
