// The objects that a request has made, apart from those that its application has booted with. For workers that serve
// one request, or are rewound after each: there a request ends as a script does, and its objects end with it.
#pragma once

namespace askr::php {

// All objects that are there now are the boot's. Called again it adds to them; early in the template costs workers
// nothing.
void remember_boot_objects();

// Calls destructors in the order that PHP has at the end of a script: global variables from the last to the first, then
// all that is left in the order of its making. Without a worker script those of the boot are among them: its script
// belongs to each request. May leave by longjmp, and then calls none of the others another time.
void destruct_request_objects();

// The end of what objects of extensions hold, as connections. Nothing of PHP runs afterwards.
void free_request_objects();

}  // namespace askr::php
