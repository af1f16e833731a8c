/* The service of the plugin compress, for others that want bytes encoded: "compress.encode/1". In a gateway. */
#ifndef ASKR_SERVICES_COMPRESS_H
#define ASKR_SERVICES_COMPRESS_H

#include "askr/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_COMPRESS_ENCODE "compress.encode/1"

enum askr_coding { ASKR_CODING_IDENTITY = 0, ASKR_CODING_GZIP = 1, ASKR_CODING_BROTLI = 2 };

/* So many bytes keep the loop of a gateway for about a millisecond. */
#define ASKR_COMPRESS_AT_ONCE 32768

/* Call them with the `self` that askr_services.find has given. */
typedef struct askr_compress_encode {
  uint32_t size;
  /* The coding that a client with this Accept-Encoding field gets (enum askr_coding). */
  int32_t (*choose)(void* self, askr_str accept_encoding);
  /* 1: responses with the status and fields that this one has now are compressed, if they have least_size bytes. In
   * the phase response_head, before compress itself has changed the fields: a plugin that asks is `after` compress. */
  int32_t (*is_candidate)(void* self, askr_request request);
  uint64_t (*least_size)(void* self);
  /* "gzip", "br"; static. */
  askr_str (*name)(void* self, int32_t coding);
  /* Calls `take` once or more with the encoded bytes, valid during the call. ASKR_E_INVALID: that coding is off. */
  askr_status (*encode)(void* self, int32_t coding, askr_str bytes, void (*take)(void* context, askr_str encoded),
                        void* context);
  /* Since 0.4. The same for bodies above ASKR_COMPRESS_AT_ONCE, in steps between which the loop serves others; `bytes`
   * are copied, and whoever wants equal bytes encoded meanwhile shares the work. `done` is called once if this has
   * answered ASKR_OK, from the loop or before this returns, or not at all if the gateway ends before. `encoded` is
   * valid during the call; `status` is not ASKR_OK when the encoder has failed. */
  askr_status (*encode_later)(void* self, int32_t coding, askr_str bytes,
                              void (*done)(void* context, askr_status status, askr_str encoded), void* context);
} askr_compress_encode;

#ifdef __cplusplus
}
#endif
#endif
