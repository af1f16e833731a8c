/* The phases that a request passes, and the hooks of plugins in them: "askr.pipeline/1".
 *
 *   gateway   connection > request_head > route > lookup > request_body > (dispatch: the server hands over to PHP)
 *   worker                                                    request_begin > PHP > request_end
 *   gateway   response_head > response_body > log
 *
 * Inside a phase the order comes from the descriptors' before and after, then from the order in which plugins were
 * loaded (by id). response_head and response_body run in mirror order: who sees a request first sees its response last.
 */
#ifndef ASKR_ABI_PIPELINE_H
#define ASKR_ABI_PIPELINE_H

#include "askr/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_PIPELINE "askr.pipeline/1"

enum askr_phase {
  ASKR_PHASE_CONNECTION = 0,    /* a client was accepted: add_connection_hook */
  ASKR_PHASE_REQUEST_HEAD = 1,  /* the head was read; path and target are not yet resolved */
  ASKR_PHASE_ROUTE = 2,         /* target resolved; the first hook that answers wins */
  ASKR_PHASE_LOOKUP = 3,        /* caches answer, coalescing suspends */
  ASKR_PHASE_REQUEST_BODY = 4,  /* a piece of the body has come: add_body_hook */
  ASKR_PHASE_DISPATCH = 5,      /* the server's own */
  ASKR_PHASE_REQUEST_BEGIN = 6, /* worker: before the script or handler runs; verdicts are ignored */
  ASKR_PHASE_REQUEST_END = 7,   /* worker: the response is complete and with the gateway, PHP still has its state */
  ASKR_PHASE_RESPONSE_HEAD = 8, /* status and fields may be changed, body filters attached */
  ASKR_PHASE_RESPONSE_BODY = 9, /* the filters attached in response_head */
  ASKR_PHASE_LOG = 10           /* the response is out, or its client has gone; verdicts are ignored */
};

typedef int32_t askr_verdict;
enum {
  ASKR_NEXT = 0,    /* go on */
  ASKR_DONE = 1,    /* this hook has answered: the response is what askr.response/1 was given (request phases only) */
  ASKR_SUSPEND = 2, /* wait for resume(): request_head, route and lookup; since 0.4 response_head */
  ASKR_FAIL = 3     /* 500, logged with the plugin's name */
};

typedef askr_verdict (*askr_hook)(void* self, askr_request request);

/* Valid during the hook. */
typedef struct askr_connection_info {
  uint32_t size;
  uint16_t client_port;
  uint16_t secure;         /* 1: TLS */
  askr_str client_address; /* numeric; empty for a Unix socket */
} askr_connection_info;
/* ASKR_NEXT lets the client in, anything else closes the connection without an answer. */
typedef askr_verdict (*askr_connection_hook)(void* self, const askr_connection_info* connection);

/* `piece` is what has come of the body, decoded, in memory until the hook returns; `last` is 1 with its last piece,
 * which may be empty. ASKR_DONE refuses the request with the response that the hook has made. */
typedef askr_verdict (*askr_request_body_hook)(void* self, askr_request request, askr_str piece, int32_t last);

typedef struct askr_pipeline {
  uint32_t size;
  /* In the step `register`, once per phase. ASKR_E_INVALID: a phase with hooks of another kind, or none;
   * ASKR_E_EXISTS: the second time. */
  askr_status (*add_hook)(askr_registrar* registrar, uint32_t phase, askr_hook hook);
  askr_status (*add_connection_hook)(askr_registrar* registrar, askr_connection_hook hook);
  askr_status (*add_body_hook)(askr_registrar* registrar, askr_request_body_hook hook);
  /* Ends the suspension of a request with the verdict of the hook that suspended it: ASKR_NEXT, ASKR_DONE (not in
   * response_head) or ASKR_FAIL.
   * Once, in the same gateway, from any callback; the request goes on when the callback has returned to the event loop.
   * ASKR_E_STALE: the client has left meanwhile (its `log` phase and slot destructors have run), or it was resumed.
   * A suspended request that nobody resumes is answered 504 after server.request_timeout. */
  askr_status (*resume)(askr_request request, askr_verdict verdict);

  /* --- since 0.2 */
  /* Runs a GET request once more, in the background, beginning at the end of this turn of the loop: same target, same
   * fields but those about ranges, conditions, the body and the connection, an id of its own, no client. It passes all
   * phases but `connection`; what it answers is sent to nobody. askr_request_api.is_background tells it apart.
   * ASKR_E_INVALID: not GET. ASKR_E_WRONG_STEP: it is in the background itself. */
  askr_status (*repeat)(askr_request request);
} askr_pipeline;

#ifdef __cplusplus
}
#endif
#endif
