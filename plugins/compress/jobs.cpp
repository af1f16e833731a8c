#include "jobs.hpp"

#include <algorithm>
#include <utility>

namespace compression {

uint64_t Jobs::start(Coding coding, const Levels& levels, std::string_view bytes, Done done) {
  const auto same = [coding, bytes](const Job& job) { return job.coding == coding && job.bytes == bytes; };
  auto job = std::find_if(jobs_.begin(), jobs_.end(), same);
  if (job == jobs_.end()) {
    auto encoder = make_encoder(coding, levels, bytes.size());
    if (encoder && bytes.size() <= kAtOnce) {
      auto encoded = std::make_shared<std::string>();
      done(encoder->write(bytes, Step::end, *encoded) ? encoded : nullptr);
      return 0;
    }
    if (!encoder) {
      done(nullptr);
      return 0;
    }
    jobs_.push_front({this, coding, std::string(bytes), {}, 0, std::move(encoder), {}});
    job = jobs_.begin();
    add_work_(step_of, &*job);
  }
  job->waiters.push_back({++last_ticket_, std::move(done)});
  return last_ticket_;
}

void Jobs::cancel(uint64_t ticket) {
  for (Job& job : jobs_) job.waiters.remove_if([ticket](const Waiter& waiter) { return waiter.ticket == ticket; });
}

int32_t Jobs::step_of(void* context) {
  Job& job = *static_cast<Job*>(context);
  return job.jobs->step(job) ? 1 : 0;
}

// False: it is over, and gone.
bool Jobs::step(Job& job) {
  const bool is_wanted = !job.waiters.empty();
  const std::string_view piece = std::string_view(job.bytes).substr(job.used, kSlice);
  job.used += piece.size();
  const bool last = job.used == job.bytes.size();
  const bool good = is_wanted && job.encoder->write(piece, last ? Step::end : Step::more, job.encoded);
  if (good && !last) return true;
  const auto encoded = good ? std::make_shared<const std::string>(std::move(job.encoded)) : nullptr;
  const std::list<Waiter> waiters = std::move(job.waiters);
  jobs_.remove_if([&job](const Job& each) { return &each == &job; });
  for (const Waiter& waiter : waiters) waiter.done(encoded);
  return false;
}

}  // namespace compression
