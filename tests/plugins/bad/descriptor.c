/* A plugin that does nothing, with one mistake in what it says of itself; the build says which. */
#include <stdlib.h>

#include "askr/abi/all.h"

static askr_status load(const askr_host* host, void** self) {
  *self = NULL;
#ifdef LOAD_FAILS
  const askr_str why = {"the moon is not full", 20};
  host->set_error(host, why);
  return ASKR_E_FAILED;
#else
  (void)host;
#ifdef LOAD_CRASHES
  abort();
#endif
  return ASKR_OK;
#endif
}

#ifdef BEFORE
static askr_verdict on_route(void* self, askr_request request) {
  (void)self;
  (void)request;
  return ASKR_NEXT;
}
static const askr_host* the_host;
static askr_status remember(const askr_host* host, void** self) {
  the_host = host;
  return load(host, self);
}
static askr_status register_hooks(void* self, askr_registrar* registrar) {
  const askr_pipeline* pipeline = (const askr_pipeline*)the_host->get_interface(the_host, ASKR_PIPELINE);
  (void)self;
  return pipeline->add_hook(registrar, ASKR_PHASE_ROUTE, on_route);
}
static const char* const before[] = {BEFORE, NULL};
#endif

static const askr_callbacks callbacks = {
#ifdef SHORT_CALLBACKS
    .size = 24,
#else
    .size = sizeof(askr_callbacks),
#endif
#ifdef BEFORE
    .load = remember,
    .register_ = register_hooks,
#else
    .load = load,
#endif
};

#ifdef WANTS_MISSING
static const char* const required[] = {"unobtainium", NULL};
#elif defined(REQUIRES)
static const char* const required[] = {REQUIRES, NULL};
#endif
#ifdef CONFLICTS
static const char* const conflicts[] = {"defer", NULL};
#endif
#ifdef TAKEN_OPTION
static const askr_option options[] = {
    {"server.listen", "--listen-too", "X", "Taken", ASKR_OPTION_TEXT, 0, "", 0, 0, NULL}};
#elif defined(BAD_DEFAULT)
static const askr_option options[] = {
    {"bad.size", "--bad-size", "SIZE", "Bad", ASKR_OPTION_SIZE, 0, "many", 0, 0, NULL}};
#endif

static const askr_descriptor descriptor = {
#ifdef SHORT_DESCRIPTOR
    .size = 40,
#else
    .size = sizeof(askr_descriptor),
#endif
#ifdef OTHER_MAJOR
    .abi_major = 7,
#else
    .abi_major = ASKR_ABI_MAJOR,
#endif
#if defined(NEWER_SDK) || defined(TOO_NEW)
    .abi_minor = 99,
#else
    .abi_minor = ASKR_ABI_MINOR,
#endif
#ifdef TOO_NEW
    .abi_minimum = 99,
#else
    .abi_minimum = 1,
#endif
    .activation = ASKR_ACTIVE_ALWAYS,
#ifdef BAD_ID
    .id = "Bad Id",
#elif defined(MISNAMED)
    .id = "somebody-else",
#else
    .id = PLUGIN_ID,
#endif
    .version = "1.0.0",
    .licence = "MIT",
    .summary = "Has a mistake",
#if defined(WANTS_MISSING) || defined(REQUIRES)
    .requires_ = required,
#endif
#ifdef CONFLICTS
    .conflicts = conflicts,
#endif
#ifdef BEFORE
    .before = before,
#endif
#if defined(TAKEN_OPTION) || defined(BAD_DEFAULT)
    .options = options,
    .option_count = 1,
    .option_size = sizeof(askr_option),
#endif
    .callbacks = &callbacks,
};

const askr_descriptor* askr_plugin_v1(void) {
#ifdef NULL_DESCRIPTOR
  (void)descriptor;
  return NULL;
#else
  return &descriptor;
#endif
}
