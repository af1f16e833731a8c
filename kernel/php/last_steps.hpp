// How the last steps of a request run. Each may call code of the application once more (shutdown functions,
// destructors, output callbacks, session handlers), and that may throw, call exit() or fail for good.
#pragma once

namespace askr::php {

using Step = void (*)();
using RunStep = void (*)(Step step);

// In a worker whose memory lives on: below the frame of the worker script, where exit() is an exception that unwinds,
// and one that nobody catches is settled (uncaught.hpp). A fatal error leaves the script.
void run_step_in_frame(Step step);

// As php_request_shutdown() does it, for a process whose memory will not be used again: there is no frame, so exit(),
// an exception that nobody catches and a fatal error all end the step by longjmp, and the next step follows.
void run_step_alone(Step step);

}  // namespace askr::php
