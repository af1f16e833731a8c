/* Shared memory: "askr.shm/1". Regions are sized before the first process is forked and seen by all of them at the same
 * address. They live as long as the server: a reload keeps them.
 *
 * Three rules. Store offsets or indices, not pointers to anything outside the region. Any process may be killed between
 * any two instructions: what a lock protects must be mendable by the next owner, who is told (ASKR_LOCK_RECOVERED). And
 * a worker runs whatever the application and its extensions are: a region that workers write to may hold anything at
 * any time. Read each word of it once, check it, then use it; let no loop over it be without end; and let what only
 * gateways decide lie in a region of theirs (ASKR_WRITERS_GATEWAYS), which a worker cannot write to.
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
  /* Its owner died while it held the lock, or was stopped there, or somebody wrote over it: check what it protects. In
   * the latter cases a former owner may still write. */
  ASKR_LOCK_RECOVERED = 1,
  ASKR_LOCK_BUSY = 2 /* of lock_within: not acquired */
};

/* Who writes to a region, as bits; the master always does. In a process of another kind it is read-only, and writing to
 * it ends that process. Workers are all processes that run PHP. */
enum { ASKR_WRITERS_MASTER = 0, ASKR_WRITERS_GATEWAYS = 1, ASKR_WRITERS_WORKERS = 2, ASKR_WRITERS_ALL = 3 };

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
  /* As request_region, which asks for ASKR_WRITERS_ALL. */
  askr_status (*request_region_for)(askr_shm_plan* plan, const char* name, uint64_t bytes, uint32_t layout_version,
                                    uint32_t writers);
  /* Waits so long (ns) at most, for a gateway and a lock that workers take as well; ASKR_LOCK_BUSY: go on without. */
  int32_t (*lock_within)(askr_lock* lock, uint64_t patience);
  /* The owner is still at work, where that takes longer than a few milliseconds; without it the lock is taken from who
   * does not let go. 0: it was taken. */
  int32_t (*renew)(askr_lock* lock);
} askr_shm;

#ifdef __cplusplus
}
#endif
#endif
