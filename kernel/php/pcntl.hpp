// pcntl in per-request mode: an alarm, a blocked signal or a handler of one request would be the next one's.
#pragma once

namespace askr::php {

// Puts note-takers in front of the functions that change such things. Called once, after PHP has started.
void watch_pcntl();

// Between two requests: takes back what the script has changed. Costs nothing when it has not used pcntl.
void undo_pcntl();

}  // namespace askr::php
