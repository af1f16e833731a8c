#include "php/extension.hpp"

namespace askr::php {

void Extension::begin_request() const {
  const zend_module_entry* module = find();
  if (module == nullptr || module->request_startup_func == nullptr) return;
  module->request_startup_func(module->type, module->module_number);
}

void Extension::end_request() const {
  const zend_module_entry* module = find();
  if (module == nullptr || module->request_shutdown_func == nullptr) return;
  module->request_shutdown_func(module->type, module->module_number);
}

const zend_module_entry* Extension::find() const {
  if (module_ == nullptr) {
    module_ = static_cast<zend_module_entry*>(zend_hash_str_find_ptr(&module_registry, name_.data(), name_.size()));
  }
  return module_;
}

}  // namespace askr::php
