#include <algorithm>

#include "php/leak_sources.hpp"
#include "php/leak_values.hpp"

#include <fmt/core.h>

namespace askr::php {
namespace {

Slot make_slot(StateKind kind, std::string name, std::string shown) {
  Slot slot;
  slot.kind = kind;
  slot.key = fmt::format("setting {} {}", static_cast<int>(kind), name);
  slot.name = std::move(name);
  slot.value.push_back({.shown = std::move(shown)});
  return slot;
}

std::string text_of(const zend_string* text) {
  return text != nullptr ? ZSTR_VAL(text) : "";
}

std::string quoted(const zend_string* value) {
  return '"' + text_of(value) + '"';
}

// set_time_limit() has its effect here, and each request starts with what the boot chose.
bool is_renewed(const zend_ini_entry* entry) {
  return zend_string_equals_literal(entry->name, "max_execution_time");
}

bool same_text(zend_string* left, zend_string* right) {
  if (left == nullptr || right == nullptr) return left == right;
  return zend_string_equals(left, right);
}

void note_ini_settings(Snapshot& snapshot) {
  if (EG(modified_ini_directives) == nullptr) return;
  void* item = nullptr;
  ZEND_HASH_FOREACH_PTR(EG(modified_ini_directives), item) {
    const auto* entry = static_cast<zend_ini_entry*>(item);
    if (is_renewed(entry) || same_text(entry->value, entry->orig_value)) continue;
    Slot slot = make_slot(StateKind::ini_setting, ZSTR_VAL(entry->name), quoted(entry->value));
    slot.absence = Absence::initial;
    slot.initial = quoted(entry->orig_value);
    snapshot.add(std::move(slot));
  }
  ZEND_HASH_FOREACH_END();
}

std::string method_name(const HashTable* callable) {
  const zval* target = zend_hash_index_find(callable, 0);
  const zval* method = zend_hash_index_find(callable, 1);
  if (target == nullptr || method == nullptr || Z_TYPE_P(method) != IS_STRING) return "an array";
  const std::string type = Z_TYPE_P(target) == IS_OBJECT ? class_name(Z_OBJCE_P(target)) : text_of(Z_STR_P(target));
  return type + "::" + Z_STRVAL_P(method) + "()";
}

std::string callable_name(const zval* callable) {
  switch (Z_TYPE_P(callable)) {
    case IS_STRING:
      return text_of(Z_STR_P(callable)) + "()";
    case IS_ARRAY:
      return method_name(Z_ARRVAL_P(callable));
    case IS_OBJECT:
      return object_name(Z_OBJ_P(callable));
    default:
      return "none";
  }
}

// Objects are told apart: the handler of another request may be another closure of the same line.
uint64_t callable_identity(const zval* callable) {
  if (Z_TYPE_P(callable) == IS_ARRAY) callable = zend_hash_index_find(Z_ARRVAL_P(callable), 0);
  return callable != nullptr && Z_TYPE_P(callable) == IS_OBJECT ? Z_OBJ_HANDLE_P(callable) : 0;
}

// PHP keeps those that were set before, for restore_error_handler(); "none" is one of them.
int count_handlers(const zend_stack* earlier) {
  const auto* handlers = static_cast<zval*>(earlier->elements);
  return static_cast<int>(std::count_if(handlers, handlers + earlier->top,
                                        [](const zval& handler) { return Z_TYPE(handler) != IS_UNDEF; }));
}

void note_handler(Snapshot& snapshot, StateKind kind, const zval* current, const zend_stack* earlier) {
  const int below = count_handlers(earlier);
  std::string shown = callable_name(current);
  if (below > 0) shown += fmt::format(" above {} earlier", below);
  Slot slot = make_slot(kind, "", std::move(shown));
  slot.value[0].identity = callable_identity(current);
  slot.value[0].amount = below + (Z_TYPE_P(current) != IS_UNDEF ? 1 : 0);
  snapshot.add(std::move(slot));
}

void note_names(Snapshot& snapshot, StateKind kind, HashTable* table) {
  if (table == nullptr) return;
  zend_string* name = nullptr;
  ZEND_HASH_FOREACH_STR_KEY(table, name) {
    if (name != nullptr) snapshot.add(make_slot(kind, ZSTR_VAL(name), ""));
  }
  ZEND_HASH_FOREACH_END();
}

}  // namespace

void note_settings(Snapshot& snapshot) {
  note_ini_settings(snapshot);
  note_handler(snapshot, StateKind::error_handler, &EG(user_error_handler), &EG(user_error_handlers));
  note_handler(snapshot, StateKind::exception_handler, &EG(user_exception_handler), &EG(user_exception_handlers));
  note_names(snapshot, StateKind::stream_wrapper, php_stream_get_url_stream_wrappers_hash());
  note_names(snapshot, StateKind::stream_filter, BG(user_filter_map));
}

}  // namespace askr::php
