/* Wake-ups: "askr.wake/1". One process tells gateways that something in shared memory has changed; nobody polls. */
#ifndef ASKR_ABI_WAKE_H
#define ASKR_ABI_WAKE_H

#include "askr/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_WAKE "askr.wake/1"

typedef struct askr_wake {
  uint32_t size;
  /* In the step `register`: called in a gateway after it was woken, once for any number of wake-ups. */
  askr_status (*on_wake)(askr_registrar* registrar, void (*callback)(void* self));
  /* From any process. The callback of this plugin will run in that gateway, which may be the caller's. */
  askr_status (*gateway)(const askr_host* host, uint32_t gateway);
  askr_status (*all_gateways)(const askr_host* host);
} askr_wake;

#ifdef __cplusplus
}
#endif
#endif
