#pragma once
#include <askr/abi/php.h>
namespace askr::php {
inline askr_php php_interface() {
  return {};
}
}  // namespace askr::php
