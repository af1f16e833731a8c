// Sessions in a worker script, where one run of PHP has the sessions of many visitors, one after the other.
#pragma once

namespace askr::php {

// Saves and closes the session, if there is one, and forgets whose it was.
void end_session();

// The functions that the boot gave to session_set_save_handler() are those that each request starts with. Call once,
// before the boot's own session is ended.
void keep_session_handler();
[[nodiscard]] bool session_is_of_application();
// Between two requests: as end_session(), and then the handler of the boot is there again.
void renew_session();
// Call when the superglobals are those of the request: it may start a session.
void begin_session();

}  // namespace askr::php
