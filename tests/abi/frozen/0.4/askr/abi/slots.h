/* What a plugin keeps for a request or a connection, in a gateway: "askr.slots/1". */
#ifndef ASKR_ABI_SLOTS_H
#define ASKR_ABI_SLOTS_H

#include "askr/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_SLOTS "askr.slots/1"

typedef struct askr_slots {
  uint32_t size;
  /* In the step `register`. `destroy` (or NULL) is called with a value that is not NULL when the request or connection
   * ends, whatever way it ends. `slot` is for the functions below. */
  askr_status (*add_request_slot)(askr_registrar* registrar, void (*destroy)(void* value), uint32_t* slot);
  askr_status (*add_connection_slot)(askr_registrar* registrar, void (*destroy)(void* value), uint32_t* slot);
  void* (*get)(askr_request request, uint32_t slot);                    /* NULL: never set */
  askr_status (*set)(askr_request request, uint32_t slot, void* value); /* the old value is not destroyed */
  void* (*connection_get)(askr_request request, uint32_t slot);
  askr_status (*connection_set)(askr_request request, uint32_t slot, void* value);
  /* Memory that lives as long as the request; aligned for any type, not zeroed. NULL: stale, or none left. */
  void* (*allocate)(askr_request request, size_t bytes);
} askr_slots;

#ifdef __cplusplus
}
#endif
#endif
