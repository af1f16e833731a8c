/* The request, in a gateway: "askr.request/1". Strings are valid until the request's `log` phase has ended, except
 * where a setter replaces them. A stale handle answers an absent string or ASKR_E_STALE. */
#ifndef ASKR_ABI_REQUEST_H
#define ASKR_ABI_REQUEST_H

#include "askr/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_REQUEST "askr.request/1"

enum askr_target {
  ASKR_TARGET_UNRESOLVED = 0, /* before the phase `route` */
  ASKR_TARGET_FILE = 1,       /* a static file: file_path */
  ASKR_TARGET_SCRIPT = 2,     /* PHP will run */
  ASKR_TARGET_OTHER = 3       /* nothing is there, or nothing that is served */
};

/* Monotonic nanoseconds; 0: did not happen. */
typedef struct askr_times {
  uint32_t size;
  int64_t accepted;   /* head complete */
  int64_t queued;     /* handed to the workers */
  int64_t started;    /* a worker took it */
  int64_t first_byte; /* the worker's response began */
  int64_t done;       /* response out */
} askr_times;

/* The whole body, in memory until the callback returns. `status` is not ASKR_OK when it is larger than the limit or
 * cannot be read back. Not called when the client leaves before its body is complete: then the request ends, and its
 * slots are destroyed. */
typedef void (*askr_body_callback)(void* context, askr_request request, askr_status status, askr_str body);

typedef struct askr_request_api {
  uint32_t size;
  askr_str (*method)(askr_request request);
  askr_str (*target)(askr_request request);                /* as sent, from the path on, with the query */
  askr_str (*path)(askr_request request);                  /* decoded and normalised; absent before `route` */
  askr_str (*query)(askr_request request);                 /* raw, without '?'; empty when there is none */
  askr_str (*host)(askr_request request);                  /* authority, with its port if it was sent */
  askr_str (*id)(askr_request request);                    /* X-Request-Id */
  askr_str (*client_address)(askr_request request);        /* behind trusted proxies: the forwarded one */
  int32_t (*is_secure)(askr_request request);              /* 1: https as the client sees it */
  int32_t (*http_minor)(askr_request request);             /* 1 for HTTP/1.1 */
  askr_str (*header)(askr_request request, askr_str name); /* first of that name, any case */
  uint32_t (*header_count)(askr_request request);
  askr_status (*header_at)(askr_request request, uint32_t index, askr_str* name, askr_str* value);
  /* What later hooks and PHP see. Copies. Up to and including `lookup`. */
  askr_status (*set_header)(askr_request request, askr_str name, askr_str value);
  askr_status (*remove_header)(askr_request request, askr_str name);
  /* enum askr_target; the absolute path of the file */
  int32_t (*target_kind)(askr_request request);
  askr_str (*file_path)(askr_request request);
  /* Reads the body and calls back, once, when it is complete; for a hook in `route` or `lookup` that then answers
   * ASKR_SUSPEND. ASKR_E_TOO_LARGE at once or in the callback when it is above `limit` bytes. */
  askr_status (*read_body)(askr_request request, uint64_t limit, askr_body_callback callback, void* context);
  askr_status (*times)(askr_request request, askr_times* times); /* set times->size first */

  /* --- since 0.2 */
  int32_t (*is_background)(askr_request request); /* 1: has no client, see askr_pipeline.repeat */

  /* --- since 0.4 */
  /* Where the request was received, as PHP has it in SERVER_ADDR and SERVER_PORT: behind trusted proxies the port that
   * the client sees; "unix:/path" and 0 for a Unix socket. */
  askr_str (*server_address)(askr_request request);
  uint16_t (*server_port)(askr_request request);
  /* Up to and including `lookup`: PHP is to render all of the page, whatever this client wants of it. HEAD becomes GET
   * for PHP, and If-None-Match, If-Modified-Since, Range and If-Range are not handed on. Hooks see the request as it
   * is, and apply_conditions goes by it. ASKR_E_INVALID: neither GET nor HEAD. */
  askr_status (*want_whole)(askr_request request);
} askr_request_api;

#ifdef __cplusplus
}
#endif
#endif
