// The interfaces of the SDK that the host offers, by name: structs of functions, one file each.
#pragma once

#include <askr/abi/all.h>

#include <string_view>

namespace askr::plugin {

// nullptr: there is none of that name.
const void* find_interface(std::string_view name);

extern const askr_pipeline kPipelineInterface;
extern const askr_request_api kRequestInterface;
extern const askr_response_api kResponseInterface;
extern const askr_slots kSlotsInterface;
extern const askr_shm kShmInterface;
extern const askr_wake kWakeInterface;
extern const askr_loop kLoopInterface;
extern const askr_log kLogInterface;
extern const askr_metrics kMetricsInterface;
extern const askr_commands kCommandInterface;
extern const askr_services kServiceInterface;
extern const askr_workers kWorkersInterface;

// add_function of "askr.php/1"; the rest of that interface is PHP's.
askr_status php_add_function(askr_registrar* registrar, const askr_php_function* function);

}  // namespace askr::plugin
