// While PHP prepares a request there is no application: its start-up warnings go to the log in the words of php-fpm,
// and no error handler, autoloader or stream wrapper of a worker script hears of a request whose superglobals are not
// there yet. What php.ini says of errors counts, not what the application has set since.
#pragma once

namespace askr::php {

// What PHP was started with. Once, before any script.
void keep_error_settings();

// From here no code of the application runs.
void begin_startup();
// The superglobals are those of the request: session handlers and classes may be called. The error handler may not.
void allow_application();
// PHP is ready to run the script. Does nothing when no start is under way.
void end_startup();

}  // namespace askr::php
