// Extensions begin and end a request of their own with each of ours, as PHP has them do it (RINIT, RSHUTDOWN, and the
// hooks of Zend extensions): debuggers and profilers look at each request then, and what others keep of a client goes
// with it. PHP itself does that once for a whole worker script, which is the first request they see.
//
// Some cannot, because what they would forget at the end is what an application has set up while it booted: the list is
// in the source, and worker.keep_extensions adds to it.
#pragma once

#include <string>
#include <vector>

namespace askr::php {

// Decides which take part. Once, when PHP has started. Warns of names in worker.keep_extensions that nobody has.
void find_extension_requests(std::vector<std::string>& warnings);

// Debuggers count the functions that are entered and left, so for them no request may begin or end half way down the
// worker script: before that runs their request ends, and they do not see the boot.
void spare_debuggers();

// The boot or a request is over: before the output layer ends, as in PHP.
void end_extension_requests();
// Behind that, when the superglobals of the request have gone.
void let_go_of_extension_requests();

// Before PHP reads what the client has sent.
void activate_zend_extensions();
// When the superglobals are there.
void begin_extension_requests();

// PHP is about to end the script, and extensions with it: those which have ended already begin once more.
void rejoin_extension_requests();

}  // namespace askr::php
