// filter_input(INPUT_SERVER, ...): the filter extension keeps its own copy of $_SERVER, which a server interface has to
// hand over variable by variable. Few scripts ask for it, so it gets it when the first does.
#pragma once

namespace askr::php {

// Puts a look-out in front of filter_input() and its kin. Called once, after PHP has started.
void watch_input_filter();
// $_SERVER is new: what the extension has is out of date.
void invalidate_input_filter();

}  // namespace askr::php
