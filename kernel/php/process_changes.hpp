// What of the process a request may have changed, without asking the kernel: the functions that change signal handlers,
// limits, users and priorities are few, and note-takers stand in front of them. What an extension of others does nobody
// knows; where one is loaded, all is looked at after each request.
#pragma once

namespace askr::php {

// Puts the note-takers in place. Called once, after PHP has started.
void watch_process_changes();
// Signals, limits, identity and the server's own descriptors may not be what they were when PHP had started.
// Goes back with the memory of the process.
[[nodiscard]] bool process_may_have_changed();

}  // namespace askr::php
