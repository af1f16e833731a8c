// How long a worker may live and boot. One alarm each for all workers of a generation: with a process for each request
// there are thousands of them in a minute.
#include <fmt/core.h>

#include <algorithm>

#include "base/log.hpp"
#include "process/generation.hpp"

namespace askr::process {

// Spread by a tenth, so that workers that started together do not go together.
int64_t Generation::end_of_age(const Child& worker) const {
  const int64_t age = host_.settings.server.max_worker_age;
  return assigned(worker).started + age - age / 10 * (worker.pid() % 16) / 16;
}

// One alarm for all: the next one to come of age may be one that does not run yet.
void Generation::watch_ages() {
  const int64_t age = host_.settings.server.max_worker_age;
  if (age == 0 || watches_ages_) return;
  watches_ages_ = true;
  int64_t next = monotonic_now() + age - age / 10;
  for (const auto& worker : workers_) {
    if (assigned(*worker).retire == 0) next = std::min(next, end_of_age(*worker));
  }
  host_.alarms.at(next, [this, alive = alive_] {
    if (!*alive || retiring_ || over_) return;
    watches_ages_ = false;
    retire_aged();
    watch_ages();
  });
}

void Generation::retire_aged() {
  const int64_t now = monotonic_now();
  for (const auto& worker : workers_) {
    if (assigned(*worker).retire == 0 && end_of_age(*worker) <= now) retire_worker(worker->identity().record);
  }
  spawn_missing();
}

// Before it serves, who has asked for it sees to that. One alarm for all, as long as some boot.
void Generation::watch_boots() {
  if (!serves_ || watches_boots_) return;
  int64_t oldest = 0;
  for (const auto& worker : workers_) {
    if (!has_been_ready(*worker) && (oldest == 0 || assigned(*worker).started < oldest))
      oldest = assigned(*worker).started;
  }
  if (oldest == 0) return;
  watches_boots_ = true;
  // One that is being ended may still be there.
  const int64_t next = std::max(oldest + host_.settings.reload.boot_timeout, monotonic_now() + kSecond);
  host_.alarms.at(next, [this, alive = alive_] {
    if (!*alive || over_) return;
    watches_boots_ = false;
    end_endless_boots();
    watch_boots();
  });
}

void Generation::end_endless_boots() {
  const int64_t limit = host_.settings.reload.boot_timeout;
  const int64_t begun_before = monotonic_now() - limit;
  for (const auto& worker : workers_) {
    if (has_been_ready(*worker) || assigned(*worker).started > begun_before) continue;
    log::error("worker {} (pid {}) has not booted within {:g} s (reload.boot_timeout); ending it",
               assigned(*worker).index.load(), worker->pid(), static_cast<double>(limit) / kSecond);
    end_overdue(worker->identity().record);
  }
}

}  // namespace askr::process
