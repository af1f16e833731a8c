/* What a plugin exports, and what it is given: descriptor, host and lifecycle.
 *
 *   load -> configure -> register -> shm_request -> shm_init -> master_start          (master, before any fork)
 *        -> process_start -> drain -> process_stop                                    (each gateway and worker)
 *        -> master_stop                                                               (master)
 *
 * When root has started the server for another user ([server] user), load to shm_request run as root, which may read
 * what that user cannot, such as keys. All later steps, and commands, run as that user: so are the files that they
 * write.
 *
 * Before process_start: no threads, no sockets, no timers. The library is never closed. A step that answers an error
 * stops the start of the server; the text given to set_error is in the message.
 */
#ifndef ASKR_ABI_PLUGIN_H
#define ASKR_ABI_PLUGIN_H

#include "askr/abi/base.h"
#include "askr/abi/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The server, as one plugin sees it. Valid for the life of the process. */
typedef struct askr_host {
  uint32_t size;
  uint16_t abi_major, abi_minor;
  const char* server_version; /* "0.1.0" */
  /* A struct of functions by name, "askr.log/1", valid for the life of the process; NULL: this server has none. Any
   * process, any step. */
  const void* (*get_interface)(const struct askr_host* self, const char* name);
  /* Why the step that is running will answer an error: one line, copied. */
  void (*set_error)(const struct askr_host* self, askr_str why);
} askr_host;

/* Handed to the functions that register something; valid during the step `register`. */
typedef struct askr_registrar askr_registrar;
/* Handed to askr_shm.request_region; valid during the step `shm_request`. */
typedef struct askr_shm_plan askr_shm_plan;

enum askr_role { ASKR_ROLE_MASTER = 0, ASKR_ROLE_GATEWAY = 1, ASKR_ROLE_WORKER = 2 };

/* Valid during process_start. */
typedef struct askr_process {
  uint32_t size;
  uint32_t role;        /* enum askr_role */
  uint32_t index;       /* gateway 0, worker 3; a sidecar is a worker beyond those, and never has a request */
  uint32_t generation;  /* of a worker */
  uint32_t gateways;    /* how many there are */
  uint32_t workers_max; /* how many workers of one generation there can be */
} askr_process;

/* `self` is what `load` has stored. Any of them may be NULL. */
typedef struct askr_callbacks {
  uint32_t size;
  askr_status (*load)(const askr_host* host, void** self);
  askr_status (*configure)(void* self, const askr_configuration* configuration);
  askr_status (*register_)(void* self, askr_registrar* registrar);
  askr_status (*shm_request)(void* self, askr_shm_plan* plan);
  askr_status (*shm_init)(void* self);
  askr_status (*master_start)(void* self);
  askr_status (*process_start)(void* self, const askr_process* process);
  void (*drain)(void* self); /* gateway: the server stops, running requests are finished */
  void (*process_stop)(void* self);
  void (*master_stop)(void* self);
} askr_callbacks;

enum askr_activation {
  ASKR_ACTIVE_ALWAYS = 0,
  ASKR_ACTIVE_WHEN_SET = 1,   /* when one of its options marked ASKR_OPTION_ACTIVATES is set, or one of activated_by */
  ASKR_ACTIVE_WHEN_NAMED = 2, /* only by [plugins] enable or --plugin */
  ASKR_ACTIVE_WITH_REQUIRED = 3 /* when all that it requires are active */
};

/* Inert: reading it runs no code of the plugin. Static data. Lists of ids end with NULL and may be NULL. */
typedef struct askr_descriptor {
  uint32_t size;
  uint16_t abi_major, abi_minor; /* of the headers it was built with */
  uint16_t abi_minimum;          /* the least minor of a server that it can work with */
  uint16_t activation;           /* enum askr_activation */
  const char* id;                /* lower case letters, digits and dashes: "compress"; the name of its file as well */
  const char* version;
  const char* licence;          /* SPDX */
  const char* summary;          /* one line */
  const char* const* requires_; /* ids or provided names that must be active */
  const char* const* optional;  /* come first in the lifecycle when they are active */
  const char* const* conflicts;
  const char* const* provides; /* names that others may require */
  const char* const* before;   /* ids whose hooks come later in each phase */
  const char* const* after;    /* ids whose hooks come earlier */
  const askr_option* options;
  uint32_t option_count;
  uint32_t option_size; /* sizeof(askr_option) where the table was compiled */
  const askr_callbacks* callbacks;
  /* --- since 0.3 */
  /* Paths of options of the server, "server.workers_max": with ASKR_ACTIVE_WHEN_SET, setting one of them to anything
   * but its default turns the plugin on. Ends with NULL and may be NULL; a path that this server does not know counts
   * as not set. */
  const char* const* activated_by;
} askr_descriptor;

/* The function that a plugin exports under the name askr_plugin_v1. */
typedef const askr_descriptor* (*askr_plugin_v1_function)(void);
ASKR_EXPORT const askr_descriptor* askr_plugin_v1(void);

#ifdef __cplusplus
}
#endif
#endif
