// Names of HTTP fields, in which case makes no difference (RFC 9110 section 5.1).
#pragma once

#include <strings.h>

#include <string_view>

namespace askr::php {

inline bool is_same_field(std::string_view left, std::string_view right) {
  return left.size() == right.size() && strncasecmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace askr::php
