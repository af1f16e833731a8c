// The service for other plugins, and the life of the cache; response_answer.cpp and response_fill.cpp have the hooks.
#include "response_cache.hpp"

#include <random>

#include "clock.hpp"
#include "persist.hpp"

namespace cache {

// ---------------------------------------------------------------- the service

const askr_cache_responses ResponseCache::kService = {
    sizeof(askr_cache_responses),
    [](void* self, askr_request request, uint64_t* key) -> int32_t {
      const Candidate* candidate = static_cast<ResponseCache*>(self)->candidates_.get(askr::Request(request));
      if (candidate == nullptr) return ASKR_CACHE_NO_PART;
      *key = candidate->hash;
      return candidate->fills ? ASKR_CACHE_MAY_FILL : ASKR_CACHE_MAY_READ;
    },
    [](void* self, askr_request handle) -> int32_t {
      auto& cache = *static_cast<ResponseCache*>(self);
      askr::Request request(handle);
      Candidate* candidate = cache.candidates_.get(request);
      if (candidate == nullptr || candidate->settled) return 0;
      cache.begin(*candidate);  // if it is not answered now, its own run begins after this
      FoundResponse found = cache.find(request, *candidate);
      if (!found || !cache.serve_found(request, found, Served::collapsed)) return 0;
      candidate->settled = true;
      return 1;
    },
    [](void* self, void (*settled)(void*, askr_request, int32_t), void* context) {
      auto& cache = *static_cast<ResponseCache*>(self);
      cache.settled_ = settled;
      cache.settled_context_ = context;
    }};

// ---------------------------------------------------------------- life

askr::Result<> ResponseCache::register_(askr::Registrar registrar) {
  const auto counter = [registrar](askr::Metric& metric, const char* name, const char* help) {
    return metric.add(registrar, ASKR_METRIC_COUNTER, name, help);
  };
  auto added = counter(metrics.hits, "askr_cache_hits_total", "Responses answered from the cache");
  if (added) added = counter(metrics.misses, "askr_cache_misses_total", "Cacheable responses that PHP had to make");
  if (added) added = counter(metrics.stale, "askr_cache_stale_total", "Responses answered from the cache though stale");
  if (added) {
    added = counter(metrics.refused, "askr_cache_refused_total", "Responses that opted in and could not be stored");
  }
  if (added) added = counter(metrics.evictions, "askr_cache_evictions_total", "Responses that made room for others");
  if (!added || !is_on()) return added;
  added = candidates_.add(registrar);
  if (added) added = writes_.add(registrar);
  if (added) added = collections_.add(registrar);
  if (!added) return added;
  return registrar.provide(ASKR_CACHE_RESPONSES, &kService, this);
}

askr::Result<> ResponseCache::shm_request(askr_shm_plan* plan) const {
  if (!is_on()) return {};
  const askr_shm& shm = *askr::api().shm;
  auto asked =
      askr::check(shm.request_region_for(plan, kRegion, ResponseStore::bytes(options.slots), 3, ASKR_WRITERS_GATEWAYS),
                  "the response cache");
  if (!asked) return asked;
  return askr::check(shm.request_region_for(plan, kMessageRegion, sizeof(Messages), 1, ASKR_WRITERS_ALL),
                     "the messages to the response cache");
}

void ResponseCache::shm_init() {
  if (!is_on()) return;
  void* region = askr::shm_region(kRegion);
  std::random_device random;
  ResponseStore::format(region, options.slots, *askr::api().shm, (uint64_t{random()} << 32) | random());
  messages_ = static_cast<Messages*>(askr::shm_region(kMessageRegion));
  if (!options.persist.empty()) {
    ResponseStore store(region, options.slots, *askr::api().shm, 0);
    restore(store, options.persist);
  }
}

void ResponseCache::process_start(const askr_process& process) {
  if (!is_on() || process.role != ASKR_ROLE_GATEWAY || process.index >= kMostGateways) return;
  compress_ = askr::find_service<askr_compress_encode>(ASKR_COMPRESS_ENCODE);
  store_ = std::make_unique<ResponseStore>(askr::shm_region(kRegion), options.slots, *askr::api().shm, process.index,
                                           messages_, &report);
  store_->take_over(process.gateways);
  unstored_ = std::make_unique<Unstored>();
}

void ResponseCache::master_stop() {
  if (!is_on() || options.persist.empty()) return;
  ResponseStore store(askr::shm_region(kRegion), options.slots, *askr::api().shm, 0, messages_);
  store.hear();
  save(store, options.persist);
}

ResponseStats ResponseCache::stats() const {
  const ResponseStore store(askr::shm_region(kRegion), options.slots, *askr::api().shm, kNobody, messages_);
  return store.stats(coarse_now());
}

}  // namespace cache
