/* The response, in a gateway: "askr.response/1". A hook that answers (ASKR_DONE) makes one; hooks of response_head
 * change the one that is there. */
#ifndef ASKR_ABI_RESPONSE_H
#define ASKR_ABI_RESPONSE_H

#include "askr/abi/request.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_RESPONSE "askr.response/1"

enum askr_body_kind {
  ASKR_BODY_NONE = 0,
  ASKR_BODY_MEMORY = 1, /* complete in memory */
  ASKR_BODY_FILE = 2,   /* at least a part of it is sent from a file, without passing through memory */
  ASKR_BODY_STREAM = 3  /* comes from a worker piece by piece; its length may be unknown */
};
#define ASKR_LENGTH_UNKNOWN UINT64_MAX

/* Where a filter puts its output; valid during the call of `data`. */
typedef struct askr_sink askr_sink;

enum askr_piece_flags {
  ASKR_PIECE_FLUSH = 1, /* what was written so far has to reach the client now */
  ASKR_PIECE_LAST = 2   /* the body ends with this piece */
};

/* A filter of one response's body. Pieces come in order; the last one (perhaps empty) has ASKR_PIECE_LAST. When the
 * response is cut short (the worker died, the client left) no last piece comes: `destroy` without one means that the
 * body is not complete. */
typedef struct askr_body_filter {
  uint32_t size;
  uint32_t keeps_length; /* 1: puts out exactly the bytes it gets, so the Content-Length stays */
  /* `bytes` is in memory until the call returns. What is emitted goes to the next filter or to the client. An error
   * cuts the response off. */
  askr_status (*data)(void* state, askr_request request, askr_str bytes, uint32_t piece_flags, askr_sink* out);
  void (*destroy)(void* state); /* once; may be NULL */
} askr_body_filter;

typedef struct askr_response_api {
  uint32_t size;
  int32_t (*status)(askr_request request);
  askr_status (*set_status)(askr_request request, int32_t status);
  askr_str (*header)(askr_request request, askr_str name); /* valid until a field is changed */
  uint32_t (*header_count)(askr_request request);
  askr_status (*header_at)(askr_request request, uint32_t index, askr_str* name, askr_str* value);
  /* Copies. Content-Length, Transfer-Encoding, Connection and Server are the server's own; Date is, when there is none
   * that is a date. */
  askr_status (*set_header)(askr_request request, askr_str name, askr_str value);
  askr_status (*add_header)(askr_request request, askr_str name, askr_str value);
  askr_status (*remove_header)(askr_request request, askr_str name);

  /* enum askr_body_kind; of a worker's response ASKR_BODY_STREAM, also when it is complete already */
  int32_t (*body_kind)(askr_request request);
  uint64_t (*body_length)(askr_request request); /* or ASKR_LENGTH_UNKNOWN */
  int32_t (*from_worker)(askr_request request);  /* 1: PHP made it, and it comes from a worker */
  /* The body of an answer, or in response_head a replacement of one that is not ASKR_BODY_STREAM. */
  askr_status (*clear_body)(askr_request request);
  askr_status (*append_copy)(askr_request request, askr_str bytes);
  /* Sent from where it is. `release(context)` is called once, when the bytes are not needed any more: perhaps after the
   * request has ended, always in this process unless that is killed. */
  askr_status (*append_shared)(askr_request request, askr_str bytes, void (*release)(void* context), void* context);
  /* Takes over the descriptor, also when it fails. Sent with sendfile(2). */
  askr_status (*append_file)(askr_request request, int32_t fd, uint64_t offset, uint64_t length);

  /* In response_head. `filter` is static data. A body of ASKR_BODY_FILE above 1 MB cannot be filtered:
   * ASKR_E_TOO_LARGE, and `destroy` is not called. */
  askr_status (*add_filter)(askr_request request, const askr_body_filter* filter, void* state);
  askr_status (*emit)(askr_sink* out, askr_str bytes, uint32_t piece_flags);

  uint64_t (*bytes_sent)(askr_request request); /* of the body, as sent; final in the phase `log` */
  askr_str (*failure)(askr_request request);    /* why the response was cut short, absent when it was not */

  /* --- since 0.2 */
  /* For a hook that answers GET or HEAD with status 200, once the response is complete: makes 304, 412, 206 or 416 of
   * it where the request's If-* and Range fields ask for that (RFC 9110 sections 13 and 14). Conditions are compared
   * with the ETag and Last-Modified fields; Range is obeyed if the response says Accept-Ranges: bytes. Since 0.4 also
   * in response_head, where of a body of ASKR_BODY_STREAM it makes 304 and nothing else. */
  askr_status (*apply_conditions)(askr_request request);

  /* --- since 0.4 */
  /* In response_head, by a hook that then answers ASKR_SUSPEND: calls back once with all of the body, in memory until
   * the callback returns. From then on the body is ASKR_BODY_MEMORY and can be replaced, a worker's as well, and the
   * worker is free. With ASKR_E_TOO_LARGE (above `limit` bytes) or ASKR_E_FAILED (not complete) everything stays as it
   * was. The request goes on when it is resumed, in the callback or later. When its worker dies meanwhile there is no
   * call: the hooks run anew for the response that is sent instead. ASKR_E_WRONG_STEP: outside of response_head. */
  askr_status (*read_body)(askr_request request, uint64_t limit, askr_body_callback callback, void* context);
} askr_response_api;

#ifdef __cplusplus
}
#endif
#endif
