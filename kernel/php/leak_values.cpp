#include "php/leak_values.hpp"

#include <algorithm>
#include <cmath>

#include "php/leak_equality.hpp"
#include "php/state.hpp"

#include <fmt/core.h>

namespace askr::php {
namespace {

constexpr uint8_t kDeepest = 4;      // arrays in arrays
constexpr size_t kMostNodes = 2000;  // of one slot
constexpr uint8_t kMostSteps = 6;    // from object to object
constexpr size_t kMostObjects = 50000;
constexpr size_t kLongestKey = 60;
constexpr size_t kHashedBytes = 1 << 20;  // of a string

uint64_t hash_of(const char* bytes, size_t size) {
  return zend_inline_hash_func(bytes, std::min(size, kHashedBytes));
}

uint64_t bits_of(double number) {
  uint64_t bits = 0;
  memcpy(&bits, &number, sizeof bits);
  return bits;
}

void describe(const zval* value, ValueNode& node) {
  switch (Z_TYPE_P(value)) {
    case IS_UNDEF:
      node.shown = "unset";
      break;
    case IS_NULL:
      node.shown = "null";
      break;
    case IS_FALSE:
    case IS_TRUE:
      node.shown = Z_TYPE_P(value) == IS_TRUE ? "true" : "false";
      break;
    case IS_LONG:
      node.shown = std::to_string(Z_LVAL_P(value));
      node.amount = Z_LVAL_P(value);
      break;
    case IS_DOUBLE:
      node.shown = fmt::format("{}", Z_DVAL_P(value));
      node.identity += bits_of(Z_DVAL_P(value));
      break;
    case IS_STRING:
      node.shown = fmt::format("string of {}", Z_STRLEN_P(value));
      node.identity += hash_of(Z_STRVAL_P(value), Z_STRLEN_P(value));
      node.amount = static_cast<int64_t>(Z_STRLEN_P(value));
      break;
    case IS_ARRAY:
      node.shown = fmt::format("array of {}", zend_hash_num_elements(Z_ARRVAL_P(value)));
      node.amount = zend_hash_num_elements(Z_ARRVAL_P(value));
      break;
    case IS_OBJECT:
      node.shown = object_name(Z_OBJ_P(value));
      node.object = Z_OBJ_HANDLE_P(value);
      break;
    case IS_RESOURCE:
      node.shown = "resource";
      node.identity += static_cast<uint64_t>(Z_RES_HANDLE_P(value));
      break;
    default:
      node.shown = "constant expression";
  }
}

const zval* resolve(const zval* value) {
  if (Z_TYPE_P(value) == IS_INDIRECT) value = Z_INDIRECT_P(value);
  if (Z_TYPE_P(value) == IS_REFERENCE) value = Z_REFVAL_P(value);
  return value;
}

// Keys can be what users have typed. Those that look like names of a program are shown.
bool is_name(std::string_view key) {
  constexpr std::string_view kOthers = "_-.:/\\";
  return key.size() <= kLongestKey && std::all_of(key.begin(), key.end(), [&](char letter) {
           return isalnum(static_cast<unsigned char>(letter)) != 0 || kOthers.find(letter) != std::string_view::npos;
         });
}

std::string_view view(const zend_string* text) {
  return {ZSTR_VAL(text), ZSTR_LEN(text)};
}

std::string_view without_prefix(std::string_view path, std::string_view folder) {
  if (folder.empty() || !path.starts_with(folder) || path.size() <= folder.size() + 1) return path;
  return path[folder.size()] == '/' ? path.substr(folder.size() + 1) : path;
}

}  // namespace

std::string code_place(const zend_string* file, uint32_t line) {
  const std::string_view path = file != nullptr ? view(file) : "?";
  const std::string& script = state.options.worker_script;
  std::string_view shown = without_prefix(path, state.options.app_base);
  if (shown == path) shown = without_prefix(path, std::string_view(script).substr(0, script.rfind('/')));
  return fmt::format("{}:{}", shown, line);
}

std::string class_name(const zend_class_entry* type) {
  return ZSTR_VAL(type->name);  // an anonymous class has a NUL after the part for people
}

std::string object_name(zend_object* object) {
  if (object->ce != zend_ce_closure) return class_name(object->ce);
  const zend_function* function = zend_get_closure_method_def(object);
  if (function->type != ZEND_USER_FUNCTION) return "a closure";
  return fmt::format("a closure ({})", code_place(function->op_array.filename, function->op_array.line_start));
}

void ValueWalker::add(Slot slot, const zval* value) {
  visit(value, slot, {}, 0, 0);
  snapshot_.add(std::move(slot));
}

// A constant expression is evaluated when the program first comes by; what it was before cannot be compared.
void ValueWalker::add_unless_initial(Slot slot, const zval* value, const zval* initial) {
  visit(value, slot, {}, 0, 0);
  if (initial == nullptr || Z_TYPE_P(resolve(initial)) == IS_CONSTANT_AST) {
    slot.absence = Absence::unseen;
  } else {
    Slot start;
    visit(initial, start, {}, 0, 0);
    if (Equality(snapshot_, snapshot_).same(slot.value, start.value)) return;
    slot.absence = Absence::initial;
    slot.initial = std::move(start.value[0].shown);
  }
  snapshot_.add(std::move(slot));
}

void ValueWalker::visit(const zval* value, Slot& slot, std::string label, uint8_t depth, uint64_t key_hash) {
  value = resolve(value);
  ValueNode node;
  node.depth = depth;
  node.identity = key_hash;
  describe(value, node);
  labels_.push_back(label);
  node.label = std::move(label);
  slot.value.push_back(std::move(node));
  if (Z_TYPE_P(value) == IS_OBJECT) remember_object(Z_OBJ_P(value), slot);
  if (Z_TYPE_P(value) == IS_ARRAY && depth < kDeepest) visit_elements(Z_ARRVAL_P(value), slot, depth + 1);
  labels_.pop_back();
}

void ValueWalker::visit_elements(HashTable* array, Slot& slot, uint8_t depth) {
  zend_ulong number = 0;
  zend_string* key = nullptr;
  zval* value = nullptr;
  ZEND_HASH_FOREACH_KEY_VAL(array, number, key, value) {
    if (slot.value.size() >= kMostNodes) return;
    if (Z_TYPE_P(resolve(value)) == IS_UNDEF) continue;
    if (key == nullptr) {
      visit(value, slot, fmt::format("[{}]", static_cast<zend_long>(number)), depth, 0);
    } else if (is_name(view(key))) {
      visit(value, slot, fmt::format("['{}']", view(key)), depth, 0);
    } else {
      visit(value, slot, "[...]", depth, hash_of(ZSTR_VAL(key), ZSTR_LEN(key)));
    }
  }
  ZEND_HASH_FOREACH_END();
}

void ValueWalker::remember_object(zend_object* object, const Slot& slot) {
  if (steps_ >= kMostSteps || known_.size() >= kMostObjects || !known_.insert(object->handle).second) return;
  std::string name = slot.name;
  for (const std::string& label : labels_) name += label;
  queue_.push_back({object, slot.kind, static_cast<uint8_t>(steps_ + 1), std::move(name), slot.owner});
}

void ValueWalker::expand_objects() {
  while (!queue_.empty()) {
    const Found found = std::move(queue_.front());
    queue_.pop_front();
    steps_ = found.steps;
    expand(found);
  }
}

// Classes of extensions keep things where only they find them.
void ValueWalker::expand(const Found& found) {
  const bool closure = found.object->ce == zend_ce_closure;
  const size_t first = snapshot_.slots().size();
  if (closure) {
    expand_closure(found);
  } else {
    expand_properties(found);
  }
  if (closure || found.object->ce->create_object == nullptr) snapshot_.close_object(found.object->handle, first);
}

void ValueWalker::expand_properties(const Found& found) {
  const zend_class_entry* type = found.object->ce;
  for (int at = 0; type->properties_info_table != nullptr && at < type->default_properties_count; ++at) {
    const zend_property_info* property = type->properties_info_table[at];
    if (property == nullptr) continue;
    const std::string name = std::string("->") + zend_get_unmangled_property_name(property->name);
    add_property(found, std::to_string(at), name, OBJ_PROP_NUM(found.object, at));
  }
  if (found.object->properties == nullptr) return;
  zend_string* name = nullptr;
  zval* value = nullptr;
  ZEND_HASH_FOREACH_STR_KEY_VAL(found.object->properties, name, value) {
    if (name == nullptr || Z_TYPE_P(value) == IS_INDIRECT) continue;
    const bool shown = is_name(view(name));
    add_property(found, view(name), shown ? std::string("->").append(view(name)) : "->...", value);
  }
  ZEND_HASH_FOREACH_END();
}

// What a closure has taken along, and the static variables in it. One made of a named function has only those of it.
void ValueWalker::expand_closure(const Found& found) {
  zval closure;
  ZVAL_OBJ(&closure, found.object);
  const zval* self = zend_get_closure_this_ptr(&closure);
  if (Z_TYPE_P(self) == IS_OBJECT) add_property(found, "$this", ", its closure's $this", self);
  const zend_function* function = zend_get_closure_method_def(found.object);
  if (function->type != ZEND_USER_FUNCTION || (function->common.fn_flags & ZEND_ACC_FAKE_CLOSURE) != 0) return;
  auto* variables = static_cast<HashTable*>(ZEND_MAP_PTR_GET(function->op_array.static_variables_ptr));
  if (variables == nullptr) return;
  zend_string* name = nullptr;
  zval* value = nullptr;
  ZEND_HASH_FOREACH_STR_KEY_VAL(variables, name, value) {
    add_property(found, view(name), fmt::format(", its closure's ${}", view(name)), value);
  }
  ZEND_HASH_FOREACH_END();
}

void ValueWalker::add_property(const Found& found, std::string_view key, const std::string& name, const zval* value) {
  Slot slot;
  slot.kind = found.kind;
  slot.absence = Absence::unseen;
  slot.key = fmt::format("object {} {} {}", found.object->handle, ZSTR_VAL(found.object->ce->name), key);
  slot.label = name;
  slot.name = found.name + name;
  slot.owner = found.owner;
  add(std::move(slot), value);
}

}  // namespace askr::php
