// Worker mode: one script that boots the application and then asks for requests, many of them in one run of PHP.
#pragma once

#include "base/result.hpp"
#include "php/options.hpp"
#include "php/zend.hpp"

namespace askr::php {

// Runs the worker script until it ends. Returns what a worker shall exit with; an error in the template, when the
// script did not come as far as to be forked.
Result<int> run_worker_script();

// askr_cow_ready(): forks the workers here, if they are to be forked from the script. Returns in a worker. False: an
// exception was thrown, or this is a sidecar, which has run its script.
bool reach_fork_point();

// askr_handle_request(): waits for a request and hands it to the handler. False: the script should end.
bool handle_next_request(zend_fcall_info& handler, zend_fcall_info_cache& handler_cache);

}  // namespace askr::php
