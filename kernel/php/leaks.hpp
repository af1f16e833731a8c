// The hunt for state that one request of a worker script leaves behind for the next (worker.paranoid,
// docs/state-leaks.md).
#pragma once

#include "exchange/request_view.hpp"

namespace askr::php {

// Right before the handler runs.
void remember_state(const exchange::RequestView& request);
// When the script asks for the next request: it has had its chance to put things back. Logs what that request has left.
void report_leaks();
// When the script has ended: how much it was.
void sum_up_leaks();

}  // namespace askr::php
