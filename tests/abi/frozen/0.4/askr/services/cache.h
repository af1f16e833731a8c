/* The service of the plugin cache for those that decide who fills it: "cache.responses/1". In a gateway. Provided when
 * the response cache is on. */
#ifndef ASKR_SERVICES_CACHE_H
#define ASKR_SERVICES_CACHE_H

#include "askr/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_CACHE_RESPONSES "cache.responses/1"

/* What a request that the cache has not answered can do for others. */
enum askr_cache_part {
  ASKR_CACHE_NO_PART = 0, /* its response is its own */
  ASKR_CACHE_MAY_READ =
      1, /* the cache can answer it, but its response cannot fill the cache: HEAD, ranges, conditions */
  ASKR_CACHE_MAY_FILL = 2 /* both */
};

/* What became of the response to a request that may fill. */
enum askr_cache_outcome {
  ASKR_CACHE_STORED = 0,
  ASKR_CACHE_UNCACHEABLE = 1, /* the application does not want it stored, or it may not be: so the next one */
  ASKR_CACHE_ERROR = 2,       /* the application answered with an error */
  ASKR_CACHE_UNFINISHED = 3,  /* there is none: the worker died, the client left */
  ASKR_CACHE_OUTDATED = 4     /* since 0.4: a tag was forgotten meanwhile, or its address written to */
};

/* Call them with the `self` that askr_services.find has given. */
typedef struct askr_cache_responses {
  uint32_t size;
  /* In `lookup`, behind the cache's own hook: enum askr_cache_part. `*key` is the same number for requests that the
   * same response may answer; others may share it by chance. */
  int32_t (*part)(void* self, askr_request request, uint64_t* key);
  /* Tries to answer a request that waited while another one filled the cache. 1: its response is complete, resume it
   * with ASKR_DONE. */
  int32_t (*answer)(void* self, askr_request request);
  /* In process_start: `settled` is called once for each request that may fill, as soon as its outcome is certain. It is
   * not called when the request ends before that: use a slot's destructor. One observer; the last one counts. */
  void (*observe)(void* self, void (*settled)(void* context, askr_request request, int32_t outcome), void* context);
} askr_cache_responses;

#ifdef __cplusplus
}
#endif
#endif
