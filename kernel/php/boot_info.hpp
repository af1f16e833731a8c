// What PHP is told of a request that is none: the boot of a worker script, a sidecar, a question of the server's own.
#pragma once

namespace askr::php {

// Fills SG(request_info) and SG(server_context): no method, no body, no cookies. state.script_filename may be set.
void open_boot_info();

}  // namespace askr::php
