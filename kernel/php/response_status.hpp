// Which status a response has: PHP keeps a number and a line, which need not agree, and there is the Status field of
// CGI.
#pragma once

#include <string_view>

#include "php/zend.hpp"

namespace askr::php {

struct ResponseStatus {
  int code;                 // 0: none that a response can have
  std::string_view reason;  // empty: the usual one
};

// `field` is the value of the first Status field, empty if there is none. The result points into both.
ResponseStatus decide_status(const sapi_headers_struct& headers, std::string_view field);

}  // namespace askr::php
