// auto_prepend_file and auto_append_file belong to each request. PHP runs them with the script that it was started
// with, which in worker mode is the boot: that goes without them, and each request of the worker script has them around
// its handler, with its superglobals and in the global scope.
//
// A process that serves many requests compiles them once, for the functions and classes in them cannot be declared a
// second time.
#pragma once

namespace askr::php {

// PHP will not run them with the next script, until they are given back.
void take_over_prepended_files();
// PHP runs them again with the next script, as it does without a worker script.
void give_back_prepended_files();

// False: the file has called exit() or failed, so that the request is over.
bool run_prepended_file();
void run_appended_file();

}  // namespace askr::php
