// What is fresh for each request of a worker script: superglobals, php://input, headers, output layer, sessions, input
// filter, uploads, shutdown functions, connection status, time limit, what PHP remembers of files, the requests of
// extensions. Between two requests nothing of the last one is left. $_ENV, umask(),
// ignore_user_abort(), set_time_limit(), session_set_save_handler() and chdir() start from what the boot chose. What is
// kept: everything else.
#pragma once

#include "php/last_steps.hpp"

namespace askr::php {

// Ends what the boot of the script has opened, and throws away what it has written. Once, before the first wait.
void end_boot();
// Call with state.request set.
void begin_request();
// Completes the response, then cleans up. With isolation the objects of the request end as well, before its output is
// flushed and its session saved.
void end_request_of_loop(RunStep run);
// Ends what the script has begun since its last request: a session would be found by the next visitor, and its lock
// would be held while the worker waits. May leave an exception.
void end_pause();
// The same where nothing of it shall be left: its shutdown functions run, its objects end.
void end_pause_for_good();
// The script has ended: the shutdown functions that it has registered outside its requests run after all, before those
// of an unfinished request.
void rejoin_shutdown_functions();

}  // namespace askr::php
