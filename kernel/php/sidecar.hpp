// Sidecars: PHP scripts that run beside the requests, in processes that are forked where workers are.
#pragma once

#include <string_view>

#include "exchange/process_table.hpp"
#include "php/zend.hpp"

namespace askr::php {

// Right after the fork.
void become_sidecar(exchange::ProcessRecord& record, const exchange::Assignment& assigned, std::string_view script);

// Runs the script in the running request of PHP (that of the worker script or of the preload script), as if it were
// included there in the global scope. Fatal errors leave it by longjmp.
void run_sidecar_script();
// The same from nothing, in a request of its own. Returns the exit code.
int run_sidecar();
// When PHP has ended: the exit code of the script.
int end_sidecar();

// askr_should_stop(): was this sidecar asked to end? False elsewhere. Once a script has called it, SIGTERM no longer
// ends it.
bool sidecar_should_stop();

}  // namespace askr::php
