// The superglobals of a worker script: those of the request while there is one, those of the boot before and after it.
// Nothing that a request has put there is found by the code between two requests.
#pragma once

#include "php/zend.hpp"

namespace askr::php {

// What the boot has made of them is what is there between requests. $_ENV is also what each request starts with, since
// applications load their settings into it. Once, when the boot is over.
void keep_superglobals();
// They become those of the request.
void renew_superglobals();
// The array that one of them is now, by its place in PG(http_globals). A script may have changed it since.
zval* find_superglobal(int tracked);
// They become those of the boot. Objects that were in them are destroyed, which may leave an exception.
void forget_superglobals();

}  // namespace askr::php
