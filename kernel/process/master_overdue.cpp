// Workers that are over their time: in a request, as their gateway has found, or after it, in code of their script.
#include <fmt/core.h>

#include <algorithm>

#include "base/log.hpp"
#include "process/master.hpp"

namespace askr::process {

// Gateways have marked workers that are over their time. Only one that still runs that very request is ended.
void Master::end_overdue_workers() {
  const unsigned first = options_.exchange.first_worker_record();
  for (unsigned position = 0; position < options_.exchange.worker_records(); ++position) {
    const uint64_t mark = options_.exchange.overdue(position).exchange(0);
    const uint32_t at = exchange::slot_of_mark(mark);
    if (mark == 0 || at >= options_.exchange.slots().size()) continue;
    const exchange::Slot& slot = options_.exchange.slots()[at];
    if (slot.state != exchange::SlotState::running || slot.worker != first + position + 1) continue;
    if (exchange::overdue_mark(at, options_.exchange.orders()[at].ticket) != mark) continue;
    deployment_.end_overdue(first + position);
  }
}

// A worker has come back from a request and runs code of its script. Busy workers do so all the time, so they are
// looked at when the first one may be over its time, and not again before another one tells, unless some are there just
// then.
void Master::watch_leaving() {
  if (watches_leaving_ || options_.exchange.worker_words().leaving_watched.load() == 0) return;
  watches_leaving_ = true;
  alarms_.at(monotonic_now() + options_.settings.server.request_timeout, [this] { look_at_leaving(); });
}

void Master::look_at_leaving() {
  options_.exchange.worker_words().leaving_watched.store(0);
  watches_leaving_ = false;
  const int64_t limit = options_.settings.server.request_timeout;
  const int64_t now = monotonic_now();
  int64_t next = 0;
  for (exchange::ProcessRecord& worker : options_.exchange.workers()) {
    const int64_t left_at = std::min(worker.left_at.load(), now);
    if (left_at == 0 || options_.exchange.assigned(worker).pid == 0) continue;
    if (left_at <= now - limit) {
      end_lost_worker(worker);
    } else if (next == 0 || left_at + limit < next) {
      next = left_at + limit;
    }
  }
  if (next == 0) return;
  options_.exchange.worker_words().leaving_watched.store(1);
  watches_leaving_ = true;
  alarms_.at(next, [this] { look_at_leaving(); });
}

void Master::end_lost_worker(exchange::ProcessRecord& worker) {
  worker.left_at.store(0);
  log::error(
      "worker {} (pid {}) has not asked for another request within {:g} s of its last one "
      "(server.request_timeout); ending it",
      options_.exchange.assigned(worker).index.load(), options_.exchange.assigned(worker).pid.load(),
      static_cast<double>(options_.settings.server.request_timeout) / kSecond);
  deployment_.end_overdue(options_.exchange.index_of(worker));
}

}  // namespace askr::process
