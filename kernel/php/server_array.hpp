// What every $_SERVER begins with, made once while PHP starts: the names that each request has, in fixed places, and
// behind them the environment of the server.
//
// A good part of what a small request costs is filling $_SERVER. A copy of an array that is never changed and whose
// strings are permanent is one memcpy(), however large the environment is, and values with a fixed place need no
// search.
//
// Of the environment, nothing gets in that a script would take for a part of the request: no name of CGI (a proxy or an
// intruder in front of the start could say that the client is authenticated), and none that begins with HTTP_.
#pragma once

#include <string_view>

#include "php/server_names.hpp"
#include "php/zend.hpp"

namespace askr::php {

// Called once while PHP starts, after make_server_names().
void prepare_server_array();
// The caller owns it. The places of names up to ServerName::first_optional are there and hold null, unless they are the
// same for all requests: DOCUMENT_ROOT, GATEWAY_INTERFACE, REDIRECT_STATUS and SERVER_SOFTWARE.
zend_array* begin_server_array();
// Of a name before ServerName::first_optional, as long as nothing was taken out of the array.
zval* server_place(zend_array* server, ServerName name);

// The name is one that a request has, and not the environment.
bool comes_with_request(std::string_view name);

}  // namespace askr::php
