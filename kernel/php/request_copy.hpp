// The request as PHP wants it: NUL-terminated strings in SG(request_info), alive for as long as the script runs, which
// may be longer than the slot the request came in.
#pragma once

#include "exchange/request_view.hpp"
#include "php/zend.hpp"

namespace askr::php {

// Fills SG(request_info) and SG(server_context) for state.request; state.script_filename must be set.
void open_request_info();
// The Cookie header of the request, for PHP to parse.
extern "C" char* askr_php_read_cookies();
extern "C" size_t askr_php_read_body(char* buffer, size_t size);

// What the script has not read of the body, so that php://input still has it when the slot is gone.
void read_rest_of_body();
// Copies the whole request out of its slot and points state.request at the copy.
void keep_request();

}  // namespace askr::php
