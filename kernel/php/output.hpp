// The response: what PHP writes becomes head and body in the exchange.
#pragma once

#include <string_view>

#include "php/zend.hpp"

namespace askr::php {

extern "C" size_t askr_php_write(const char* data, size_t size);
extern "C" void askr_php_flush(void* context);
extern "C" int askr_php_send_headers(sapi_headers_struct* headers);

// Sends what is still missing of the response and completes it; does nothing the second time. A response that was
// broken on the way ends as such.
void complete_response();
// The same, asked for by the script, which goes on: ends the output buffers first, and keeps what is left of the
// request readable. False when there is no response to complete.
bool finish_early();
// A whole response without PHP: status and one line of text.
void answer_plainly(int status, std::string_view text);
// A 103 with the header fields set so far. False when it is too late for that.
bool send_early_hints();

}  // namespace askr::php
