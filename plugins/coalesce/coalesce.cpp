// coalesce: of identical requests for a page that is not in the cache, one runs PHP and the others wait for it.
//
// The first becomes the leader of a flight, the others of all gateways are suspended. When the cache says what became
// of the leader's response, all gateways that wait are woken: what was stored answers everybody; if there is nothing,
// one of them leads anew (the worker or the client of the first is gone), or all go ahead at once, because the page is
// not cacheable or was outdated before it was made, which is remembered for a while. Nobody polls, and nobody waits
// longer than coalesce.timeout.
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "askr/sdk.hpp"
#include "askr/services/cache.h"
#include "flights.hpp"

namespace {

using coalesce::FlightTable;
using coalesce::Joined;
using coalesce::Ticket;

constexpr int64_t kSecond = 1'000'000'000;
// Nobody waits for a page that has just failed, nor for one that was outdated before it was made: for as long as that
// goes on, one after the other would be slower than all at once.
constexpr int64_t kAfterError = kSecond;
constexpr const char* kRegion = "flights";

class Coalesce;

// Rides on the request that leads a flight.
struct Leader {
  Leader(Coalesce& plugin_in, uint64_t key_in, uint64_t serial_in)
      : plugin(plugin_in), key(key_in), serial(serial_in) {}
  Leader(const Leader&) = delete;
  Leader& operator=(const Leader&) = delete;
  ~Leader() { end(0); }
  // Once; see FlightTable::end.
  void end(int64_t remember);

  Coalesce& plugin;
  uint64_t key, serial;
  bool is_over = false;
};

// Rides on a request that waits, and takes it out of the waiting ones when its client leaves.
struct Follower {
  Follower(Coalesce& plugin_in, askr::Request request_in, uint64_t key_in, bool may_lead_in)
      : plugin(plugin_in), request(request_in), key(key_in), may_lead(may_lead_in) {}
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  ~Follower();

  Coalesce& plugin;
  askr::Request request;
  uint64_t key;
  bool may_lead;
  uint64_t serial = 0;  // of the flight that it waits for; 0: it does not wait
  uint64_t timer = 0;
};

class Coalesce : public askr::Plugin {
 public:
  static constexpr const char* kCache[] = {"cache", nullptr};
  static constexpr askr::Info info{.id = "coalesce",
                                   .version = "0.1.0",
                                   .summary = "Identical requests for a cacheable page run PHP once",
                                   .activation = ASKR_ACTIVE_WITH_REQUIRED,
                                   .requires_ = kCache,
                                   .after = kCache,
                                   .abi_minimum = 4};
  static constexpr askr_option options[] = {
      askr::option::duration("coalesce.timeout", "--coalesce-timeout", "T",
                             "How long a request waits for another one's page", "10s", kSecond / 1000),
      askr::option::duration("coalesce.remember", "--coalesce-remember", "T",
                             "How long nobody waits for a page that was not cacheable", "10s")};

  askr::Result<> configure(const askr::Configuration& configuration) {
    timeout_ = configuration.duration("coalesce.timeout");
    remember_ = configuration.duration("coalesce.remember");
    return {};
  }
  askr::Result<> register_(askr::Registrar registrar);
  askr::Result<> shm_request(askr_shm_plan* plan) {
    return askr::check(
        askr::api().shm->request_region_for(plan, kRegion, sizeof(coalesce::Table), 1, ASKR_WRITERS_GATEWAYS),
        "the flights");
  }
  askr::Result<> process_start(const askr_process& process);
  askr::Verdict lookup(askr::Request request);
  void on_wake();

 private:
  friend struct Leader;
  friend struct Follower;

  static void wake(uint32_t gateway) { askr::api().wake->gateway(askr::api().host, gateway); }
  static int64_t now() { return askr::api().loop->now(); }
  void wait(Follower& follower, uint64_t serial);
  void stop_waiting(Follower& follower);
  void land(Follower& follower);
  void go_on(Follower& follower, askr::Verdict verdict);
  void give_up(Follower& follower);
  [[nodiscard]] int64_t remembered(int32_t outcome) const;
  void settle(askr::Request request, int32_t outcome);

  // --- settings
  int64_t timeout_ = 0, remember_ = 0;

  // --- in a gateway
  askr::Service<askr_cache_responses> cache_;
  std::unique_ptr<FlightTable> flights_;
  askr::RequestSlot<Leader> leaders_;
  askr::RequestSlot<Follower> followers_;
  std::unordered_map<uint64_t, std::vector<Follower*>> waiting_;  // by the serial of the flight
  askr::Metric coalesced_, timeouts_;
};

void Leader::end(int64_t remember) {
  if (std::exchange(is_over, true)) return;
  plugin.flights_->end(key, serial, remember, Coalesce::now(), &Coalesce::wake);
}

Follower::~Follower() {
  plugin.stop_waiting(*this);
  if (timer != 0) askr::api().loop->cancel_timer(askr::api().host, timer);
}

// ---------------------------------------------------------------- taking off

askr::Verdict Coalesce::lookup(askr::Request request) {
  if (!cache_ || !flights_) return askr::Verdict::next;
  uint64_t key = 0;
  const int32_t part = cache_.functions->part(cache_.self, request.handle(), &key);
  if (part == ASKR_CACHE_NO_PART) return askr::Verdict::next;
  const bool may_lead = part == ASKR_CACHE_MAY_FILL;
  const Ticket ticket = flights_->join(key, may_lead, now());
  if (ticket.joined == Joined::leads) {
    // The cache was asked before the table: another flight may have landed in between.
    if (!request.is_background() && cache_.functions->answer(cache_.self, request.handle()) != 0) {
      flights_->end(key, ticket.serial, 0, now(), &wake);
      coalesced_.increment();
      return askr::Verdict::done;
    }
    leaders_.emplace(request, *this, key, ticket.serial);
  }
  if (ticket.joined != Joined::follows) return askr::Verdict::next;
  if (request.is_background()) {  // somebody is at it already, and nobody waits for this one
    request.response().set_status(204);
    return askr::Verdict::done;
  }
  Follower* follower = followers_.emplace(request, *this, request, key, may_lead);
  if (follower == nullptr) return askr::Verdict::next;
  const auto on_timeout = [](void* context) {
    auto& late = *static_cast<Follower*>(context);
    late.plugin.give_up(late);
  };
  askr::api().loop->set_timer(askr::api().host, timeout_, on_timeout, follower, &follower->timer);
  wait(*follower, ticket.serial);
  return askr::Verdict::suspend;
}

void Coalesce::wait(Follower& follower, uint64_t serial) {
  follower.serial = serial;
  waiting_[serial].push_back(&follower);
}

void Coalesce::stop_waiting(Follower& follower) {
  const auto group = waiting_.find(std::exchange(follower.serial, 0));
  if (group == waiting_.end()) return;
  std::erase(group->second, &follower);
  if (group->second.empty()) waiting_.erase(group);
}

// ---------------------------------------------------------------- landing

// How long nobody waits for the page.
int64_t Coalesce::remembered(int32_t outcome) const {
  switch (outcome) {
    case ASKR_CACHE_UNCACHEABLE:
      return remember_;
    case ASKR_CACHE_ERROR:
    case ASKR_CACHE_OUTDATED:
      return kAfterError;
    default:
      return 0;
  }
}

void Coalesce::settle(askr::Request request, int32_t outcome) {
  Leader* leader = leaders_.get(request);
  if (leader == nullptr) return;
  leader->end(remembered(outcome));
}

// Some flights that requests of this gateway wait for may be over.
void Coalesce::on_wake() {
  std::vector<uint64_t> over;
  for (const auto& [serial, followers] : waiting_) {
    if (!flights_->is_flying(followers.front()->key, serial)) over.push_back(serial);
  }
  for (const uint64_t serial : over) {
    const auto group = waiting_.extract(serial);
    for (Follower* follower : group.mapped()) {
      follower->serial = 0;
      land(*follower);
    }
  }
}

// The page is there; or somebody has to make it, and it may be this one; or it is for each of them to make their own.
void Coalesce::land(Follower& follower) {
  if (cache_.functions->answer(cache_.self, follower.request.handle()) != 0) {
    coalesced_.increment();
    go_on(follower, askr::Verdict::done);
    return;
  }
  const Ticket ticket = flights_->join(follower.key, follower.may_lead, now());
  if (ticket.joined == Joined::follows) {
    wait(follower, ticket.serial);
    return;
  }
  if (ticket.joined == Joined::leads) leaders_.emplace(follower.request, *this, follower.key, ticket.serial);
  go_on(follower, askr::Verdict::next);
}

void Coalesce::go_on(Follower& follower, askr::Verdict verdict) {
  if (follower.timer != 0) askr::api().loop->cancel_timer(askr::api().host, std::exchange(follower.timer, 0));
  (void)follower.request.resume(verdict);
}

void Coalesce::give_up(Follower& follower) {
  follower.timer = 0;
  stop_waiting(follower);
  timeouts_.increment();
  (void)follower.request.resume(askr::Verdict::next);
}

// ---------------------------------------------------------------- life

askr::Result<> Coalesce::register_(askr::Registrar registrar) {
  auto added = leaders_.add(registrar);
  if (added) added = followers_.add(registrar);
  if (added) {
    added = coalesced_.add(registrar, ASKR_METRIC_COUNTER, "askr_cache_coalesced_total",
                           "Requests answered with the page that another one had made");
  }
  if (!added) return added;
  return timeouts_.add(registrar, ASKR_METRIC_COUNTER, "askr_cache_coalesce_timeouts_total",
                       "Requests that waited for another one in vain");
}

askr::Result<> Coalesce::process_start(const askr_process& process) {
  if (process.role != ASKR_ROLE_GATEWAY || process.index >= coalesce::kMostGateways) return {};
  cache_ = askr::find_service<askr_cache_responses>(ASKR_CACHE_RESPONSES);
  if (!cache_) return {};
  flights_ = std::make_unique<FlightTable>(askr::shm_region(kRegion), *askr::api().shm, process.index);
  flights_->take_over(&wake);
  cache_.functions->observe(
      cache_.self,
      [](void* self, askr_request request, int32_t outcome) {
        static_cast<Coalesce*>(self)->settle(askr::Request(request), outcome);
      },
      this);
  return {};
}

}  // namespace

ASKR_PLUGIN(Coalesce)
