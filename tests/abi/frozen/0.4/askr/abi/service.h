/* Services between plugins: "askr.service/1". A service is a struct of functions that its plugin documents in a header
 * of its own, by the rules of this ABI. */
#ifndef ASKR_ABI_SERVICE_H
#define ASKR_ABI_SERVICE_H

#include "askr/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_SERVICE "askr.service/1"

typedef struct askr_services {
  uint32_t size;
  /* In the step `register`. `name` has the plugin's id and a version: "compress.encode/1". */
  askr_status (*provide)(askr_registrar* registrar, const char* name, const void* functions, void* self);
  /* From the step `shm_request` on. NULL: no active plugin provides it. `*self` is what its functions want. */
  const void* (*find)(const askr_host* host, const char* name, void** self);
} askr_services;

#ifdef __cplusplus
}
#endif
#endif
