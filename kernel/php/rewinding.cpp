#include "php/rewinding.hpp"

#include <string>
#include <vector>

#include "base/log.hpp"
#include "php/fork_hazards.hpp"
#include "php/random_state.hpp"
#include "php/rewind.hpp"
#include "php/state.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

std::vector<bool> of_the_boot;  // objects by handle

bool is_alive(uint32_t handle) {
  return IS_OBJ_VALID(EG(objects_store).object_buckets[handle]);
}

void remember_objects() {
  of_the_boot.assign(EG(objects_store).top, false);
  for (uint32_t handle = 1; handle < EG(objects_store).top; ++handle) of_the_boot[handle] = is_alive(handle);
}

// As at the end of a script. Objects of the boot live on, their destructors run when the worker ends.
void destruct_new_objects() {
  for (uint32_t handle = 1; handle < EG(objects_store).top && EG(exception) == nullptr; ++handle) {
    if (!is_alive(handle) || (handle < of_the_boot.size() && of_the_boot[handle])) continue;
    zend_object* object = EG(objects_store).object_buckets[handle];
    if ((OBJ_FLAGS(object) & IS_OBJ_DESTRUCTOR_CALLED) != 0) continue;
    GC_ADD_FLAGS(object, IS_OBJ_DESTRUCTOR_CALLED);
    if (object->handlers->dtor_obj == zend_objects_destroy_object && object->ce->destructor == nullptr) continue;
    GC_ADDREF(object);
    object->handlers->dtor_obj(object);
    GC_DELREF(object);
  }
  if (EG(exception) != nullptr) zend_exception_error(EG(exception), E_WARNING);
}

// What is connected now would be the same connection for request after request, and its other end is not rewound.
bool shares_files() {
  const std::vector<std::string> shared = find_shared_files();
  if (shared.empty()) return false;
  if (state.port->is_first_to_warn()) {
    log::warning("workers are not rewound, each request has one of its own: when they wait for the first request, {}",
                 shared.front());
  }
  return true;
}

}  // namespace

void begin_rewinding() {
  if (!state.options.rewind || state.port->rehearses() || shares_files()) return;
  remember_objects();
  reseed_openssl();  // now, so that it is quick later
  const Checkpoint checkpoint = take_checkpoint();
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
    if (!CG(unclean_shutdown) && !state.port->log_was_reopened()) rewind();
  }
  zend_end_try();
}

}  // namespace askr::php
