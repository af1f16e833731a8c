// The request as PHP wants it: NUL-terminated strings in SG(request_info), alive for as long as the script runs.
#pragma once

#include "exchange/request_view.hpp"
#include "php/zend.hpp"

namespace askr::php {

// Fills SG(request_info) and SG(server_context) for state.request; state.script_filename must be set.
void open_request_info();
// The Cookie header of the request, for PHP to parse.
extern "C" char* askr_php_read_cookies();
extern "C" size_t askr_php_read_body(char* buffer, size_t size);
// A fatal error for the script whose body was found broken (state.body_broken): it must not take a part for the whole.
void end_for_broken_body();

// What the script has not read of the body, so that php://input still has it when the slot is gone.
void read_rest_of_body();

}  // namespace askr::php
