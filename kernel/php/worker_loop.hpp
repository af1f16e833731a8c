// Worker mode: one script that boots the application and then asks for requests, many of them in one run of PHP.
#pragma once

#include "php/runtime.hpp"
#include "php/zend.hpp"

namespace askr::php {

// Runs the worker script until it ends. `max_requests` 0: no limit. Returns what the process shall exit with.
WorkerExit run_worker_script(uint64_t max_requests);

// askr_handle_request(): waits for a request and hands it to the handler. False: the script should end.
bool handle_next_request(zend_fcall_info& handler, zend_fcall_info_cache& handler_cache);

}  // namespace askr::php
