// The phases of the worker: request_begin and request_end.
#pragma once

namespace askr::php {

// state.request is set, PHP has not begun.
void run_request_begin();
// The response is complete. Once per request; later calls do nothing.
void run_request_end();

}  // namespace askr::php
