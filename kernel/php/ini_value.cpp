#include "php/ini_value.hpp"

#include "php/zend.hpp"

namespace askr::php {

std::string ini_value(std::string_view name) {
  bool known = false;
  const char* value = zend_ini_string_ex(name.data(), name.size(), 0, &known);
  return known && value != nullptr ? value : "";
}

}  // namespace askr::php
