// isolation = "rewind", seen from PHP: where the moment is that each request starts from, and what is done before going
// back to it. The memory itself: rewind.hpp.
#pragma once

#include "exchange/not_rewound.hpp"

namespace askr::php {

// The application is booted and no request has been here: the process goes back to here after each one. Sets
// state.rewinds; not in a worker that only rehearses.
void begin_rewinding();

// After a request whose response is complete, and what the script has done since: the end of what is still open, then
// back. Returns where that cannot be done; state.recycle is set then.
void start_over();

// This worker is replaced instead: for the status, and the first time for the log. The names of its last request are
// still there.
void give_up_rewinding(exchange::NotRewound reason);

}  // namespace askr::php
