// What becomes of an exception that nobody has caught.
#pragma once

namespace askr::php {

// What PHP does at the end of a script: the application's own handler first, then the log and status 500. exit(), which
// PHP implements as an exception, is just forgotten. After a fatal error it leaves the script by longjmp, as that would
// have.
void settle_exception();
// The same. False: it was exit(), or an exception that the application does not handle, so that PHP would run no
// further file of the request.
bool settle_and_go_on();

}  // namespace askr::php
