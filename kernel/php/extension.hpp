// Extensions of PHP by name, for those few whose own request is begun and ended with each request of a worker script.
// One that is not loaded has nothing to do.
#pragma once

#include <string_view>

#include "php/zend.hpp"

namespace askr::php {

class Extension {
 public:
  // `name` as in PHP's list of modules; it has to live as long as this.
  constexpr explicit Extension(std::string_view name) : name_(name) {}

  // What PHP calls at the start and at the end of a request. Call from where PHP may leave by longjmp.
  void begin_request() const;
  void end_request() const;

  // Its own state, of the type that its header declares; nullptr when it is not loaded.
  template <class Globals>
  [[nodiscard]] Globals* globals() const {
    const zend_module_entry* module = find();
    return module != nullptr ? static_cast<Globals*>(module->globals_ptr) : nullptr;
  }

 private:
  [[nodiscard]] const zend_module_entry* find() const;

  std::string_view name_;
  mutable const zend_module_entry* module_ = nullptr;  // once it was found
};

}  // namespace askr::php
