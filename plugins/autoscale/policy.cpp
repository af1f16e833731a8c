#include "policy.hpp"

#include <algorithm>
#include <cstdio>

namespace autoscale {
namespace {

std::string count(uint64_t number, const char* noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string megabytes(uint64_t bytes) {
  constexpr double kMega = 1 << 20;
  constexpr double kGiga = 1 << 30;
  char text[32];
  const auto size = static_cast<double>(bytes);
  if (size >= kGiga) {
    std::snprintf(text, sizeof text, "%.1f GB", size / kGiga);
  } else {
    std::snprintf(text, sizeof text, "%.0f MB", size / kMega);
  }
  return text;
}

std::string milliseconds(int64_t nanoseconds) {
  return std::to_string(nanoseconds / 1'000'000) + " ms";
}

std::string change(uint32_t from, uint32_t to) {
  return "workers " + std::to_string(from) + " -> " + std::to_string(to) + ": ";
}

uint64_t memory_of_one(const askr_workers_state& seen) {
  return seen.worker_memory > 0 ? std::max(seen.worker_memory, kWorkerLeast) : kWorkerGuess;
}

// What must stay free.
uint64_t reserve(const askr_workers_state& seen, const Limits& limits) {
  return seen.memory_limit / 100 * (100 - limits.memory_percent);
}

// How many workers memory allows. Those that boot have not taken theirs yet.
uint64_t room(const askr_workers_state& seen, const Limits& limits) {
  if (seen.memory_limit == 0) return seen.maximum;
  const uint64_t kept = reserve(seen, limits);
  const uint64_t free = seen.memory_available > kept ? seen.memory_available - kept : 0;
  return seen.ready + free / memory_of_one(seen);
}

std::string describe_memory(const askr_workers_state& seen) {
  if (seen.memory_limit == 0) return {};
  return "; " + megabytes(seen.memory_available) + " free, " + megabytes(memory_of_one(seen)) + " a worker" +
         (seen.worker_memory > 0 ? "" : " (a guess)");
}

std::string describe_shortage(const askr_workers_state& seen, const Limits& limits, uint64_t wanted, uint32_t target) {
  return "memory allows " + std::to_string(target) + " of " + count(wanted, "wanted worker") + ": " +
         megabytes(seen.memory_available) + " of " + megabytes(seen.memory_limit) + " free, " +
         megabytes(reserve(seen, limits)) + " of it kept, " + megabytes(memory_of_one(seen)) + " a worker";
}

}  // namespace

Decision grow(const askr_workers_state& seen, const Limits& limits) {
  Decision decision{seen.target, {}, {}};
  if (seen.waiting == 0 || seen.oldest_wait < limits.queue_wait) return decision;
  const uint64_t wanted = std::min<uint64_t>(uint64_t{seen.busy} + seen.waiting, seen.maximum);
  const uint64_t possible = std::min(wanted, room(seen, limits));
  decision.target = std::max(seen.target, static_cast<uint32_t>(possible));
  if (decision.target > seen.target) {
    decision.why = change(seen.target, decision.target) + count(seen.waiting, "request") +
                   (seen.waiting == 1 ? " waits, since " : " wait, the oldest for ") + milliseconds(seen.oldest_wait) +
                   describe_memory(seen);
  }
  if (wanted > decision.target) decision.held_back = describe_shortage(seen, limits, wanted, decision.target);
  return decision;
}

Decision shrink(const askr_workers_state& seen, uint32_t idle, const Limits& limits) {
  Decision decision{seen.target, {}, {}};
  const uint32_t alive = seen.ready + seen.starting;
  // Less than all: one has died and is being replaced; the figures settle in a moment.
  if (seen.waiting > 0 || idle == 0 || alive < seen.target) return decision;
  const uint32_t needed = std::max(seen.minimum, alive - std::min(alive, idle));
  if (needed >= seen.target) return decision;
  decision.target = needed;
  decision.why = change(seen.target, needed) + std::to_string(idle) + " idle for " +
                 std::to_string(limits.idle / 1'000'000'000) + " s or longer";
  return decision;
}

}  // namespace autoscale
