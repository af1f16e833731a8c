/* Shared memory: "askr.shm/1". Regions are sized before the first process is forked and seen by all of them at the same
 * address. They live as long as the server: a reload keeps them.
 *
 * Two rules. Store offsets or indices, not pointers to anything outside the region. Any process may be killed between
 * any two instructions: what a lock protects must be mendable by the next owner, who is told (ASKR_LOCK_RECOVERED).
 */
#ifndef ASKR_ABI_SHM_H
#define ASKR_ABI_SHM_H

#include "askr/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_SHM "askr.shm/1"

/* A lock in shared memory that knows its owner. All zero: free. */
typedef struct askr_lock {
  uint32_t word;
} askr_lock;

enum {
  ASKR_LOCK_CLEAN = 0,
  ASKR_LOCK_RECOVERED = 1 /* its owner died while it held the lock: check what it protects */
};

typedef struct askr_shm {
  uint32_t size;
  /* In the step `shm_request`. `name` without the plugin's id, which is put before it: "store" becomes "cache.store".
   * Memory is zero at the start and costs nothing before it is touched. */
  askr_status (*request_region)(askr_shm_plan* plan, const char* name, uint64_t bytes, uint32_t layout_version);
  /* From the step `shm_init` on, in any process: one of the plugin's own regions, page aligned. NULL: there is none. */
  void* (*region)(const askr_host* host, const char* name, uint64_t* bytes);
  /* Waits for the lock; ASKR_LOCK_CLEAN or ASKR_LOCK_RECOVERED. For sections of some instructions. Not recursive. */
  int32_t (*lock)(askr_lock* lock);
  void (*unlock)(askr_lock* lock);
  /* 1: a process of that id runs (a zombie does not). Reads /proc: not for hot paths. */
  int32_t (*process_is_alive)(int32_t pid);
} askr_shm;

#ifdef __cplusplus
}
#endif
#endif
