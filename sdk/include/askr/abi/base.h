/* What every interface of the SDK shares: versions, strings, results, handles.
 *
 * The rules of this ABI (the policy is docs/sdk-policy.md):
 * - C11, no C++ type, no type of any library crosses the border.
 * - Every struct of functions or data begins with `size`, its sizeof where it was filled in. Fields are only ever added
 *   at the end. ASKR_HAS(pointer, field) says whether the other side knows a field; absent functions are NULL.
 * - Strings are a pointer and a size, not terminated, never owned by the receiver. How long they are valid is said at
 *   each function.
 * - Every process of the server has one thread. No function may be called from another thread or a signal handler.
 */
#ifndef ASKR_ABI_BASE_H
#define ASKR_ABI_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of these headers. A plugin loads when the majors are equal and the minor it needs at least is not above
 * the server's. While the major is 0, frozen headers of each released minor are kept and tested all the same. */
#define ASKR_ABI_MAJOR 0
#define ASKR_ABI_MINOR 4

/* The one symbol of a plugin; everything else in it is hidden. */
#define ASKR_EXPORT __attribute__((visibility("default")))

/* True when the struct behind `pointer` was filled in by somebody who knows `field`, and it is not NULL or 0. */
#define ASKR_HAS(pointer, field)                                                                                      \
  ((pointer) != NULL && (pointer)->size >= (size_t)((const char*)(&(pointer)->field + 1) - (const char*)(pointer)) && \
   (pointer)->field)

/* Bytes: text in UTF-8 unless said otherwise. `data` is NULL when there is no such thing (no such header field), which
 * is not the same as an empty string. */
typedef struct askr_str {
  const char* data;
  size_t size;
} askr_str;

/* What a function answers: ASKR_OK or an error below 0. */
typedef int32_t askr_status;
enum {
  ASKR_OK = 0,
  ASKR_E_FAILED = -1,  /* see the log, or askr_host.set_error */
  ASKR_E_INVALID = -2, /* an argument makes no sense */
  ASKR_E_NO_MEMORY = -3,
  ASKR_E_WRONG_STEP = -4, /* not now: wrong phase, wrong process or wrong step of the lifecycle */
  ASKR_E_STALE = -5,      /* the request has ended; the log names the plugin */
  ASKR_E_NOT_FOUND = -6,
  ASKR_E_EXISTS = -7,
  ASKR_E_FULL = -8, /* a limit of the server is reached */
  ASKR_E_TOO_LARGE = -9,
  ASKR_E_UNSUPPORTED = -10
};

/* One request, while it is served. In a gateway the handle is valid from the first hook of the request until its `log`
 * phase has ended, and after that it is recognised as stale: calls with it answer ASKR_E_STALE or an absent string. A
 * plugin may keep a handle across suspension. In a worker it names the request that is being run there. Compare the
 * ids for equality; they have no other meaning. */
typedef struct askr_request {
  uint64_t id;
} askr_request;

#ifdef __cplusplus
}
#endif
#endif
