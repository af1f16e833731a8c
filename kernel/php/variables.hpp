// $_SERVER, getenv() and the header functions, out of the request.
#pragma once

#include "php/zend.hpp"

namespace askr::php {

// Fills $_SERVER: of the request, or of the boot of a worker script (the environment, as on the command line).
extern "C" void askr_php_server_variables(zval* server);
// getenv('REMOTE_ADDR') and its like, which php-fpm answers from the request.
extern "C" char* askr_php_getenv(const char* name, size_t size);
// The same for getenv() without a name, and for $_ENV. Called once, after PHP has started.
void import_request_into_environment();

// $_SERVER, filled if it was not yet. Not an array when the script has replaced it.
zval* server_array();
// The fields of the request as getallheaders() names them: "User-Agent".
void request_headers(zval* result);
// The fields of the response so far.
void response_headers(zval* result);

}  // namespace askr::php
