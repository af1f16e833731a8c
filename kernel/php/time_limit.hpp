// max_execution_time in worker mode, where one run of PHP serves many requests.
#pragma once

namespace askr::php {

// The limit counts from here. Call at the start of each request.
void restart_time_limit();
// No limit until it is restarted.
void suspend_time_limit();
// There is none from here on.
void lift_time_limit();

}  // namespace askr::php
