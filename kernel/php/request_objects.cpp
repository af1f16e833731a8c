// An object of the boot that a request lets go of may be followed by another one at its address and under its number.
// So those of the boot are kept in a table of PHP's weak references, which lose an object that is freed: as long as the
// table has all of them, address and number tell. Marking an object as weakly referenced writes to it, which is why it
// is done before the fork.
#include "php/request_objects.hpp"

#include <vector>

#include "php/state.hpp"
#include "php/zend.hpp"

#include "Zend/zend_weakrefs.h"

namespace askr::php {
namespace {

std::vector<const zend_object*> of_the_boot;  // by number
HashTable* still_there = nullptr;             // of these
uint32_t remembered = 0;

zend_object* object_at(uint32_t number) {
  zend_object* object = EG(objects_store).object_buckets[number];
  return IS_OBJ_VALID(object) ? object : nullptr;
}

bool is_in_table(const zend_object* object) {
  return zend_hash_index_exists(still_there, zend_object_to_weakref_key(object));
}

bool is_still_there(const zend_object* object) {
  return still_there->nNumOfElements == remembered || is_in_table(object);
}

bool is_of_the_boot(const zend_object* object) {
  const uint32_t number = object->handle;
  return number < of_the_boot.size() && of_the_boot[number] == object && is_still_there(object);
}

// Without reading the objects: most numbers are the boot's.
zend_object* new_object_at(uint32_t number) {
  zend_object* object = object_at(number);
  if (object == nullptr) return nullptr;
  const bool in_place = number < of_the_boot.size() && of_the_boot[number] == object;
  return in_place && is_still_there(object) ? nullptr : object;
}

// Whose end comes with that of the request.
zend_object* ending_object_at(uint32_t number) {
  return state.worker_mode ? new_object_at(number) : object_at(number);
}

bool ends(const zend_object* object) {
  return !state.worker_mode || !is_of_the_boot(object);
}

void destruct(zend_object* object) {
  if ((OBJ_FLAGS(object) & IS_OBJ_DESTRUCTOR_CALLED) != 0) return;
  GC_ADD_FLAGS(object, IS_OBJ_DESTRUCTOR_CALLED);
  if (object->handlers->dtor_obj == zend_objects_destroy_object && object->ce->destructor == nullptr) return;
  GC_ADDREF(object);
  object->handlers->dtor_obj(object);
  GC_DELREF(object);
}

// The code of a worker script goes on behind the request, and may use its own variables.
bool may_still_be_used(const zval* variable) {
  return state.worker_mode && Z_TYPE_P(variable) == IS_INDIRECT;
}

// PHP lets go of variables that are the only one to hold an object, so what the object holds follows it at once.
int end_variable(zval* variable) {
  zval* value = Z_TYPE_P(variable) == IS_INDIRECT ? Z_INDIRECT_P(variable) : variable;
  if (Z_TYPE_P(value) != IS_OBJECT || Z_REFCOUNT_P(value) != 1) return ZEND_HASH_APPLY_KEEP;
  zend_object* object = Z_OBJ_P(value);
  if (!ends(object)) return ZEND_HASH_APPLY_KEEP;
  // What an object of the boot holds, as a file, has to be there when the worker is rewound.
  if (may_still_be_used(variable) || is_of_the_boot(object)) {
    destruct(object);
    return ZEND_HASH_APPLY_KEEP;
  }
  if (value == variable) return ZEND_HASH_APPLY_REMOVE;
  ZVAL_UNDEF(value);
  OBJ_RELEASE(object);
  return ZEND_HASH_APPLY_KEEP;
}

void end_variables() {
  uint32_t count = 0;
  do {
    count = zend_hash_num_elements(&EG(symbol_table));
    zend_hash_reverse_apply(&EG(symbol_table), end_variable);
  } while (count != zend_hash_num_elements(&EG(symbol_table)));
}

void destruct_the_others() {
  for (uint32_t number = 1; number < EG(objects_store).top; ++number) {
    if (zend_object* object = ending_object_at(number)) destruct(object);
  }
}

void mark_as_destructed() {
  for (uint32_t number = 1; number < EG(objects_store).top; ++number) {
    if (zend_object* object = ending_object_at(number)) GC_ADD_FLAGS(object, IS_OBJ_DESTRUCTOR_CALLED);
  }
}

}  // namespace

void remember_boot_objects() {
  if (still_there == nullptr) {
    ALLOC_HASHTABLE(still_there);
    zend_hash_init(still_there, EG(objects_store).top, nullptr, nullptr, false);
  }
  of_the_boot.resize(EG(objects_store).top);
  for (uint32_t number = 1; number < EG(objects_store).top; ++number) {
    zend_object* object = object_at(number);
    if (object == nullptr || is_in_table(object)) continue;
    of_the_boot[number] = object;
    zend_weakrefs_hash_add_ptr(still_there, object, object);
  }
  remembered = still_there->nNumOfElements;
}

void destruct_request_objects() {
  zend_try {
    end_variables();
    destruct_the_others();
  }
  zend_catch {
    mark_as_destructed();
    zend_bailout();
  }
  zend_end_try();
}

void free_request_objects() {
  for (uint32_t number = EG(objects_store).top; number-- > 1;) {
    zend_object* object = new_object_at(number);
    if (object == nullptr || (OBJ_FLAGS(object) & IS_OBJ_FREE_CALLED) != 0) continue;
    if (object->handlers->free_obj == zend_object_std_dtor) continue;
    GC_ADD_FLAGS(object, IS_OBJ_FREE_CALLED);
    GC_ADDREF(object);
    object->handlers->free_obj(object);
  }
}

}  // namespace askr::php
