/* Timers and file descriptors in the event loop of a gateway: "askr.loop/1". From process_start to process_stop, in
 * gateways only; elsewhere ASKR_E_WRONG_STEP. Callbacks must not block: one that takes longer than 100 ms is named in
 * the log. */
#ifndef ASKR_ABI_LOOP_H
#define ASKR_ABI_LOOP_H

#include "askr/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_LOOP "askr.loop/1"

enum askr_readiness { ASKR_READABLE = 1, ASKR_WRITABLE = 2, ASKR_HUNG_UP = 4 };

typedef struct askr_loop {
  uint32_t size;
  /* Monotonic nanoseconds at the start of this turn of the loop; costs nothing. */
  int64_t (*now)(void);
  /* Calls back once, after `delay` nanoseconds or a little later. `timer` (not 0) is valid until then. */
  askr_status (*set_timer)(const askr_host* host, int64_t delay, void (*callback)(void* context), void* context,
                           uint64_t* timer);
  askr_status (*cancel_timer)(const askr_host* host, uint64_t timer);
  /* Level-triggered: calls back as long as one of `events` (enum askr_readiness) holds. The descriptor stays the
   * plugin's; unwatch before it is closed. Watching it again changes the events. */
  askr_status (*watch)(const askr_host* host, int32_t fd, uint32_t events,
                       void (*callback)(void* context, uint32_t events), void* context);
  askr_status (*unwatch)(const askr_host* host, int32_t fd);

  /* --- since 0.4 */
  /* For work that would keep the loop from others for longer than a millisecond: cut it into steps of some tenths of
   * one. Calls back until the answer is 0, as often in each turn of the loop as all such work together stays within a
   * millisecond of processor time, and once at least. `work` (not 0) is valid until then. */
  askr_status (*add_work)(const askr_host* host, int32_t (*step)(void* context), void* context, uint64_t* work);
  /* Not from inside a step of this very work: answer 0 there. */
  askr_status (*cancel_work)(const askr_host* host, uint64_t work);
} askr_loop;

#ifdef __cplusplus
}
#endif
#endif
