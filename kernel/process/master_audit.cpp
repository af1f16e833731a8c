// What workers can write to is looked at some times a second, as long as there are requests.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/log.hpp"
#include "process/master.hpp"

namespace askr::process {
namespace {

// As many looks as it takes (exchange::kLooks), twice, and what they lead to, take less than two seconds.
constexpr int64_t kPause = 150 * kMillisecond;

std::string names_of(const std::vector<unsigned>& workers, const exchange::Exchange& exchange) {
  std::vector<std::string> names;
  for (const unsigned worker : workers) {
    const exchange::Assignment& assigned = exchange.assignments()[worker];
    names.push_back(fmt::format("{} (pid {})", assigned.index.load(), assigned.pid.load()));
  }
  return names.empty() ? "no worker" : fmt::format("worker {}", fmt::join(names, ", "));
}

}  // namespace

void Master::watch_exchange() {
  if (watches_exchange_ || options_.exchange.gateway_words().audit_asked.load() == 0) return;
  watches_exchange_ = true;
  alarms_.at(monotonic_now() + kPause, [this] { audit_exchange(); });
}

void Master::audit_exchange() {
  watches_exchange_ = false;
  std::atomic<uint32_t>& asked = options_.exchange.gateway_words().audit_asked;
  asked.store(0);  // before the look: who asks from here on pokes
  const exchange::Findings found = audit_.look(monotonic_now());
  if (!found.mended.empty()) {
    log::error("shared memory made no sense and was mended: {}; at work since it was last looked at: {}",
               fmt::join(found.mended, "; "), names_of(found.at_work, options_.exchange));
  }
  for (const unsigned worker : found.to_end) deployment_.end_overdue(worker);
  watch_leaving();
  if (found.has_work || !found.mended.empty()) asked.store(1);
  watch_exchange();
}

}  // namespace askr::process
