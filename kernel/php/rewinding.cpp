#include "php/rewinding.hpp"

#include <string>
#include <vector>

#include "base/log.hpp"
#include "php/fork_hazards.hpp"
#include "php/random_state.hpp"
#include "php/regex_lessons.hpp"
#include "php/rewind.hpp"
#include "php/state.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

struct BootObject {
  const zend_object* object;
  const zend_class_entry* type;
};
std::vector<BootObject> of_the_boot;  // by handle
zend_ulong first_resource = 0;        // that a request could make

zend_object* object_at(uint32_t handle) {
  zend_object* object = EG(objects_store).object_buckets[handle];
  return IS_OBJ_VALID(object) ? object : nullptr;
}

// A handle is used again when its object was freed.
bool is_new(uint32_t handle) {
  const zend_object* object = object_at(handle);
  if (object == nullptr) return false;
  return handle >= of_the_boot.size() || of_the_boot[handle].object != object || of_the_boot[handle].type != object->ce;
}

void remember_boot() {
  of_the_boot.assign(EG(objects_store).top, {});
  for (uint32_t handle = 1; handle < EG(objects_store).top; ++handle) {
    const zend_object* object = object_at(handle);
    if (object != nullptr) of_the_boot[handle] = {object, object->ce};
  }
  first_resource = static_cast<zend_ulong>(EG(regular_list).nNextFreeElement);
}

// As at the end of a script: destructors, then open files and the like, then what objects of extensions hold. Those of
// the boot live on until the worker ends.
void destruct_new_objects() {
  for (uint32_t handle = 1; handle < EG(objects_store).top && EG(exception) == nullptr; ++handle) {
    if (!is_new(handle)) continue;
    zend_object* object = object_at(handle);
    if ((OBJ_FLAGS(object) & IS_OBJ_DESTRUCTOR_CALLED) != 0) continue;
    GC_ADD_FLAGS(object, IS_OBJ_DESTRUCTOR_CALLED);
    if (object->handlers->dtor_obj == zend_objects_destroy_object && object->ce->destructor == nullptr) continue;
    GC_ADDREF(object);
    object->handlers->dtor_obj(object);
    GC_DELREF(object);
  }
  if (EG(exception) != nullptr) zend_exception_error(EG(exception), E_WARNING);
}

void close_new_resources() {
  for (auto handle = static_cast<zend_ulong>(EG(regular_list).nNextFreeElement); handle-- > first_resource;) {
    zval* entry = zend_hash_index_find(&EG(regular_list), handle);
    if (entry != nullptr && Z_RES_P(entry)->type >= 0) zend_list_close(Z_RES_P(entry));
  }
}

void free_new_objects() {
  for (uint32_t handle = EG(objects_store).top; handle-- > 1;) {
    if (!is_new(handle)) continue;
    zend_object* object = object_at(handle);
    if ((OBJ_FLAGS(object) & IS_OBJ_FREE_CALLED) != 0 || object->handlers->free_obj == zend_object_std_dtor) continue;
    GC_ADD_FLAGS(object, IS_OBJ_FREE_CALLED);
    GC_ADDREF(object);
    object->handlers->free_obj(object);
  }
}

// What is connected now would be the same connection for request after request, and its other end is not rewound.
bool shares_files() {
  const std::vector<std::string> shared = find_shared_files();
  if (shared.empty()) return false;
  if (state.port->is_first_to_warn(exchange::SharedWarning::not_rewound)) {
    log::warning("workers are not rewound, each request has one of its own: when they wait for the first request, {}",
                 shared.front());
  }
  return true;
}

}  // namespace

void begin_rewinding() {
  if (!state.options.rewind || state.port->rehearses() || shares_files()) return;
  remember_boot();
  reseed_openssl();  // now, so that it is quick later
  prepare_regex_lessons();
  Checkpoint checkpoint = take_checkpoint();
  while (checkpoint == Checkpoint::rewound && learn_regexes()) checkpoint = take_checkpoint();
  if (checkpoint == Checkpoint::rewound) {
    reseed_php();
    reseed_openssl();
  }
  state.rewinds = checkpoint != Checkpoint::unavailable;
}

void start_over() {
  state.recycle = true;
  zend_try {
    destruct_new_objects();
    close_new_resources();
    free_new_objects();
    note_regexes();
    if (!CG(unclean_shutdown) && !state.port->log_was_reopened() && !state.port->has_forked()) rewind();
  }
  zend_end_try();
}

}  // namespace askr::php
