// What PHP does to the output of a script by itself: compression with zlib, links that carry a session id or a
// variable.
#pragma once

namespace askr::php {

// Forgets the client that output was last made for. Call when its output layer is gone.
void reset_output_filters();
// Starts the compression that php.ini asks for. Call when $_SERVER, which says what the client takes, is new.
void begin_compression();

}  // namespace askr::php
