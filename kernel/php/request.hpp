// One request in per-request mode: PHP starts, runs the script and forgets everything.
#pragma once

#include "exchange/request_view.hpp"

namespace askr::php {

// Answers `request`, whatever the script does. state.port must be set.
void serve_request(const exchange::RequestView& request);

// Runs a script from start to end inside a PHP request that was prepared in SG(request_info).
void run_script();
// Its parts: state.script_filename is run, in a request of PHP that is open; and that request ends. False: PHP runs no
// further file after it, because of exit() or a failure.
bool execute_script_file();
void end_script();
// Before a request ends: what a fatal error has cut off is no whole response.
void note_broken_response();

}  // namespace askr::php
