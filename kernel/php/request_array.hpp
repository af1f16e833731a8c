// The array that a worker script's handler gets.
#pragma once

#include "php/zend.hpp"

namespace askr::php {

// method, uri, query, headers, body, post, files. Needs the superglobals of the request. A body above 8 MB is in
// php://input only, and the one here is empty.
void make_request_array(zval* result);

}  // namespace askr::php
