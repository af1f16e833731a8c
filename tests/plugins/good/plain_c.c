/* A plugin in C11, without the C++ layer: adds a header field to each response. */
#include "askr/abi/all.h"

static const askr_response_api* response;
static const askr_pipeline* pipeline;
static askr_str value = {"Hello from C", 12};

static askr_verdict on_response_head(void* self, askr_request request) {
  const askr_str name = {"X-Plain-C", 9};
  (void)self;
  return response->set_header(request, name, value) == ASKR_OK ? ASKR_NEXT : ASKR_FAIL;
}

static askr_status load(const askr_host* host, void** self) {
  *self = NULL;
  response = (const askr_response_api*)host->get_interface(host, ASKR_RESPONSE);
  pipeline = (const askr_pipeline*)host->get_interface(host, ASKR_PIPELINE);
  return response != NULL && pipeline != NULL ? ASKR_OK : ASKR_E_UNSUPPORTED;
}

static askr_status register_hooks(void* self, askr_registrar* registrar) {
  (void)self;
  return pipeline->add_hook(registrar, ASKR_PHASE_RESPONSE_HEAD, on_response_head);
}

static const askr_callbacks callbacks = {.size = sizeof(askr_callbacks), .load = load, .register_ = register_hooks};

static const askr_descriptor descriptor = {.size = sizeof(askr_descriptor),
                                           .abi_major = ASKR_ABI_MAJOR,
                                           .abi_minor = ASKR_ABI_MINOR,
                                           .abi_minimum = 1,
                                           .activation = ASKR_ACTIVE_WHEN_NAMED,
                                           .id = PLUGIN_ID,
                                           .version = "1.0.0",
                                           .licence = "MIT",
                                           .summary = "Adds a header field, in C",
                                           .callbacks = &callbacks};

const askr_descriptor* askr_plugin_v1(void) {
  return &descriptor;
}
