// Programs that a script runs, as far as rewinding is concerned.
#pragma once

namespace askr::php {

// proc_open() forks, and what it has forked becomes another program or ends: it keeps no copy of the worker's memory,
// as pcntl_fork() does. Puts a note-taker in front of it. Called once, after PHP has started.
void watch_programs();

}  // namespace askr::php
