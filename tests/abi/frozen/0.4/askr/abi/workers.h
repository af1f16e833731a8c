/* How many workers there are, what they do, and how many there shall be: "askr.workers/1", since 0.3. From
 * process_start to process_stop, in gateways only; elsewhere ASKR_E_WRONG_STEP.
 *
 * The figures are computed from shared memory when they are asked for. Several gateways may ask and decide at the same
 * time: derive a target from the figures, never from the one before, and two that see the same decide the same.
 */
#ifndef ASKR_ABI_WORKERS_H
#define ASKR_ABI_WORKERS_H

#include "askr/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_WORKERS "askr.workers/1"

/* Workers are those of the active generation. One that was told to end, because there are more than wanted, is counted
 * by none of these. */
typedef struct askr_workers_state {
  uint32_t size;             /* set by the caller */
  uint32_t minimum, maximum; /* server.workers_min and workers_max */
  uint32_t target;           /* how many there shall be */
  uint32_t ready;            /* how many have booted */
  uint32_t busy;             /* those of them that run a request, or what it has deferred */
  uint32_t starting;         /* how many boot */
  uint32_t waiting;          /* requests that wait for a worker */
  int64_t oldest_wait;       /* nanoseconds that the oldest of these waits already; 0: there is none */
  uint64_t worker_memory;    /* bytes that a worker shares with nobody, the mean of those measured; 0: none was yet */
  /* Bytes that may be used, and are still free, where that is scarcest: in the control group of the server, in those
   * above it, or on the whole machine. File cache that is not in use counts as free. At most 100 ms old; 0: unknown. */
  uint64_t memory_limit, memory_available;
} askr_workers_state;

typedef struct askr_workers {
  uint32_t size;
  /* ASKR_E_INVALID: state->size is less than that of the first version of the struct. */
  askr_status (*read)(askr_workers_state* state);
  /* How many workers have had nothing to do for that long, or longer. */
  uint32_t (*idle)(int64_t nanoseconds);
  /* How many there shall be from now on: ASKR_E_INVALID below `minimum` and above `maximum`. What is missing is started
   * at once. What is too many ends: those without work first, the one that had none for longest before the others. A
   * worker that has a request finishes it. */
  askr_status (*set_target)(const askr_host* host, uint32_t target);
  /* In the step `register`: called in a gateway, at most once per turn of its loop, when a request was queued and there
   * was no sleeping worker to wake for it. */
  askr_status (*on_wait)(askr_registrar* registrar, void (*callback)(void* self));
} askr_workers;

#ifdef __cplusplus
}
#endif
#endif
