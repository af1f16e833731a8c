/* One symbol per struct of the SDK, so that tools which compare binaries see them all. */
#include "askr/abi/all.h"
#include "askr/services/cache.h"
#include "askr/services/compress.h"

ASKR_EXPORT const askr_str* surface_askr_str;
ASKR_EXPORT const askr_request* surface_askr_request;
ASKR_EXPORT const askr_reply* surface_askr_reply;
ASKR_EXPORT const askr_command* surface_askr_command;
ASKR_EXPORT const askr_commands* surface_askr_commands;
ASKR_EXPORT const askr_log* surface_askr_log;
ASKR_EXPORT const askr_loop* surface_askr_loop;
ASKR_EXPORT const askr_metrics* surface_askr_metrics;
ASKR_EXPORT const askr_option* surface_askr_option;
ASKR_EXPORT const askr_configuration* surface_askr_configuration;
ASKR_EXPORT const askr_php_parameter* surface_askr_php_parameter;
ASKR_EXPORT const askr_php_function* surface_askr_php_function;
ASKR_EXPORT const askr_outcome* surface_askr_outcome;
ASKR_EXPORT const askr_php* surface_askr_php;
ASKR_EXPORT const askr_connection_info* surface_askr_connection_info;
ASKR_EXPORT const askr_pipeline* surface_askr_pipeline;
ASKR_EXPORT const askr_host* surface_askr_host;
ASKR_EXPORT const askr_process* surface_askr_process;
ASKR_EXPORT const askr_callbacks* surface_askr_callbacks;
ASKR_EXPORT const askr_descriptor* surface_askr_descriptor;
ASKR_EXPORT const askr_times* surface_askr_times;
ASKR_EXPORT const askr_request_api* surface_askr_request_api;
ASKR_EXPORT const askr_body_filter* surface_askr_body_filter;
ASKR_EXPORT const askr_response_api* surface_askr_response_api;
ASKR_EXPORT const askr_services* surface_askr_services;
ASKR_EXPORT const askr_lock* surface_askr_lock;
ASKR_EXPORT const askr_shm* surface_askr_shm;
ASKR_EXPORT const askr_slots* surface_askr_slots;
ASKR_EXPORT const askr_wake* surface_askr_wake;
ASKR_EXPORT const askr_workers* surface_askr_workers;
ASKR_EXPORT const askr_workers_state* surface_askr_workers_state;
ASKR_EXPORT const askr_cache_responses* surface_askr_cache_responses;
ASKR_EXPORT const askr_compress_encode* surface_askr_compress_encode;
