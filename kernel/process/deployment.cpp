#include "process/deployment.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/log.hpp"
#include "process/json_line.hpp"

namespace askr::process {
namespace {

// How long an answer to `askr reload` waits for the last request on the old code.
constexpr int64_t kDrainPatience = 10 * kSecond;
// opcache_reset() has one generation in so long a time, however often it is called.
constexpr int64_t kResetPause = 10 * kSecond;
// Editors and deployments write several files: the build begins when there was nothing for so long.
constexpr int64_t kSettle = 30 * kMillisecond;

}  // namespace

Deployment::Deployment(GenerationHost& host, Events events) : host_(host), events_(std::move(events)) {}

// The watch comes first: workers look at its descriptor.
Result<> Deployment::start() {
  if (host_.settings.reload.watch) {
    if (auto watching = start_watching(); !watching) log::warning("{}", watching.error().message);
  }
  return boot();
}

// ---------------------------------------------------------------- one reload

Result<> Deployment::boot() {
  Generation::Events events;
  events.booted = [this](Generation& generation) { on_booted(generation); };
  events.failed = [this](Generation& generation, const Error& why) { on_failed(generation, why); };
  events.emptied = [this](Generation& generation) { on_emptied(generation); };
  events.lost_request = [this](Generation&) { judge_canary(); };
  events.crashed = [this](const Generation& generation) { on_crashed(generation); };
  auto generation = std::make_unique<Generation>(host_, ++last_number_, std::move(events));
  const bool first = active_ == nullptr;
  const bool may_try = !std::exchange(renews_, false) && !first && !held_;
  const bool canary = may_try && host_.settings.reload.canary > 0;
  ASKR_TRY(generation->start(canary ? Generation::Share::one_worker : Generation::Share::all,
                             first ? Generation::Rehearsals::may_fail : Generation::Rehearsals::must_pass));
  limit_boot(*generation);
  on_trial_ = canary;
  booting_ = generation.get();
  generations_.push_back(std::move(generation));
  return ok();
}

// Rehearsals have limits of their own.
void Deployment::limit_boot(const Generation& generation) {
  const int64_t limit = host_.settings.reload.boot_timeout;
  host_.alarms.at(monotonic_now() + limit, [this, limit, number = generation.number()] {
    if (booting_ == nullptr || booting_->number() != number || booting_->has_booted()) return;
    on_failed(*booting_, {fmt::format("the application has not booted within {:g} s (reload.boot_timeout)",
                                      static_cast<double>(limit) / kSecond)});
  });
}

void Deployment::reload(ControlServer::Reply reply) {
  if (booting_ != nullptr) {
    again_ = true;
    if (reply) next_waiters_.push_back(std::move(reply));
    return;
  }
  if (reply) waiters_.push_back(std::move(reply));
  if (!open_) {
    answer(false, "the server is starting or stopping", std::exchange(waiters_, {}));
    return;
  }
  if (auto booted = boot(); !booted) take_back(booted.error().message);
}

void Deployment::on_booted(Generation& generation) {
  if (&generation != booting_) return;
  if (on_trial_) {
    begin_canary(generation);
  } else if (is_outdated()) {
    take_back("sources have changed again");
  } else {
    serve(generation);
  }
}

void Deployment::serve(Generation& generation) {
  exchange::Global& global = host_.exchange.global();
  const size_t size = generation.root().copy(global.root, sizeof global.root - 1);
  global.root[size] = '\0';
  global.root_version.fetch_add(1, std::memory_order_release);
  global.active_generation.store(generation.number(), std::memory_order_release);
  booting_ = nullptr;
  held_ = false;
  Generation* before = std::exchange(active_, &generation);
  host_.exchange.poke_all_gateways();
  host_.exchange.wake_workers(host_.exchange.worker_target());  // requests may wait for it
  if (before != nullptr) before->retire();
  generation.serve();
  if (before == nullptr) {
    open_ = true;
    events_.serving();
    finish({});
    return;
  }
  if (sources_) static_cast<void>(sources_->follow(application_folder()));
  const std::string message = fmt::format("generation {} serves {}{}", generation.number(), generation.root(),
                                          std::exchange(trial_report_, {}));
  log::info("{}", message);
  finish(Finished{message, {}, before->number(), global.root_version.load()});
  if (before->empty()) on_emptied(*before);
}

void Deployment::on_failed(Generation& generation, const Error& why) {
  if (&generation == booting_) {
    if (active_ == nullptr) {
      generation.kill();
      if (generation.empty()) on_emptied(generation);
      answer(false, why.message, std::exchange(next_waiters_, {}));
      events_.over(why);
      return;
    }
    take_back(why.message);
  }
}

// The old code has never stopped serving, or serves again.
void Deployment::take_back(const std::string& why) {
  end_canary();
  if (Generation* failed = std::exchange(booting_, nullptr)) {
    failed->kill();
    if (failed->empty()) on_emptied(*failed);
  }
  if (!is_outdated()) {
    log::error("reload failed, the old code keeps serving: {}", why);
    let_go();
  }
  answer(false, "the old code keeps serving: " + why, std::exchange(waiters_, {}));
  finish({});
}

// The next one, if it was asked for meanwhile, does not wait for the last request of the old code.
void Deployment::finish(std::optional<Finished> finished) {
  if (finished) {
    finished->waiters = std::exchange(waiters_, {});
    finished_.push_back(std::move(*finished));
    host_.alarms.at(monotonic_now() + kDrainPatience, [this, number = finished_.back().before] {
      for (Finished& each : finished_) {
        if (each.before != number) continue;
        each.message += fmt::format("; generation {} still answers requests that it has begun", number);
        answer(true, each.message, std::exchange(each.waiters, {}));
      }
    });
    answer_finished();
  }
  if (!std::exchange(again_, false)) return;
  waiters_ = std::exchange(next_waiters_, {});
  reload({});
}

void Deployment::answer(bool done, const std::string& message, const Replies& waiters) const {
  const nlohmann::json outcome = {
      {"ok", done}, {"message", message}, {"generation", host_.exchange.global().active_generation.load()}};
  for (const auto& reply : waiters) reply(json_line(outcome));
}

void Deployment::answer_finished() {
  std::erase_if(finished_, [this](Finished& each) {
    if (!is_over(each)) return false;
    answer(true, each.message, std::exchange(each.waiters, {}));
    return true;
  });
}

// Nobody looks at the old files any more.
bool Deployment::is_over(const Finished& finished) const {
  for (const auto& generation : generations_) {
    if (generation->number() == finished.before && !generation->workers_gone()) return false;
  }
  for (unsigned gateway = 0; gateway < host_.exchange.options().gateways; ++gateway) {
    const exchange::ProcessRecord& record = host_.exchange.records()[host_.exchange.gateway_record(gateway)];
    if (host_.exchange.assigned(record).pid != 0 &&
        record.root_version.load(std::memory_order_acquire) < finished.root_version)
      return false;
  }
  return true;
}

// ---------------------------------------------------------------- canary

void Deployment::begin_canary(Generation& generation) {
  const int64_t duration = host_.settings.reload.canary;
  host_.exchange.global().canary_generation.store(generation.number(), std::memory_order_release);
  log::info("generation {} gets a share of the traffic for {} s", generation.number(), duration / kSecond);
  host_.alarms.at(monotonic_now() + duration, [this, number = generation.number()] {
    judge_canary();
    if (booting_ == nullptr || booting_->number() != number || !on_trial_) return;
    on_trial_ = false;
    const Answers answers = booting_->answers();
    trial_report_ = fmt::format(" (on trial, {} of {} requests failed)", answers.errors, answers.requests);
    if (answers.requests == 0) log::warning("no request has reached generation {} on its trial", number);
    booting_->expand();
  });
}

void Deployment::judge_canary() {
  if (booting_ == nullptr || active_ == nullptr) return;
  if (host_.exchange.global().canary_generation.load() != booting_->number()) return;
  const Answers canary = booting_->answers();
  const Answers rest = active_->answers();  // only a reload has a canary
  if (!fails_more(canary, rest)) return;
  take_back(fmt::format("{} of {} requests failed on generation {}, {} of {} on generation {}", canary.errors,
                        canary.requests, booting_->number(), rest.errors, rest.requests, active_->number()));
}

void Deployment::end_canary() {
  on_trial_ = false;
  host_.exchange.global().canary_generation.store(0, std::memory_order_release);
}

// ---------------------------------------------------------------- workers that die in a row

// One reload that is under way brings what there is to be had.
void Deployment::on_crashed(const Generation& generation) {
  if (&generation != active_ || booting_ != nullptr || !open_) return;
  if (!crash_loop_.on_death(generation.number(), generation.answered(), monotonic_now())) return;
  log::error(
      "{} workers in a row died of faults, and none has answered a request: a new generation takes their place, with "
      "new "
      "memory for opcache",
      crash_loop_.deaths());
  renews_ = true;
  reload({});
}

// ---------------------------------------------------------------- asked for by PHP

void Deployment::follow_opcache_resets() {
  if (!reset_waits_ && host_.exchange.worker_words().reload_asked.exchange(0) == 0) return;
  if (!open_ || reset_waits_) return;
  const int64_t now = monotonic_now();
  if (last_reset_ != 0 && now - last_reset_ < kResetPause) {
    reset_waits_ = true;
    log::info("opcache_reset() was called again; the next generation for it comes {} s after the last one",
              kResetPause / kSecond);
    host_.alarms.at(last_reset_ + kResetPause, [this] {
      reset_waits_ = false;
      host_.exchange.worker_words().reload_asked.store(1);
      follow_opcache_resets();
    });
    return;
  }
  last_reset_ = now;
  log::info("opcache_reset() was called: a new generation with an empty opcache");
  reload({});
}

// ---------------------------------------------------------------- changed sources

Result<> Deployment::start_watching() {
  sources_ = std::make_unique<SourceWatch>(
      host_.loop, SourceWatch::Events{[this] { hold(); }, [this](bool changed) { on_sources_looked_at(changed); }});
  const std::string folder = application_folder();
  ASKR_TRY(sources_->follow(folder));
  host_.exchange.watch_changes(sources_->descriptor());
  log::info("watching {} folders below {}", sources_->folders(), folder);
  return ok();
}

std::string Deployment::application_folder() const {
  std::error_code ignored;
  const config::Settings& settings = host_.settings;
  const std::string root = std::filesystem::canonical(settings.server.root, ignored).string();
  return process::application_folder(settings.worker.app_base, ignored ? settings.server.root : root);
}

// Nobody begins a request until it is known what has changed.
void Deployment::hold() {
  host_.exchange.global().active_generation.store(0, std::memory_order_release);
}

void Deployment::on_sources_looked_at(bool changed) {
  if (!changed) {
    if (!held_) let_go();
    return;
  }
  held_ = open_;
  if (!held_) {
    let_go();
    return;
  }
  host_.alarms.at(monotonic_now() + kSettle, [this, seen = ++changes_] {
    if (seen == changes_ && open_) rebuild();
  });
}

void Deployment::rebuild() {
  built_ = changes_;
  log::info("sources have changed");
  if (booting_ == nullptr) {
    reload({});
    return;
  }
  again_ = true;  // what boots now is outdated, however long it would take
  take_back("sources have changed again");
}

void Deployment::let_go() {
  held_ = false;
  if (active_ == nullptr) return;
  host_.exchange.global().active_generation.store(active_->number(), std::memory_order_release);
  host_.exchange.wake_workers(host_.exchange.worker_target());
}

// ---------------------------------------------------------------- all generations

void Deployment::look() {
  for (const auto& generation : generations_) generation->check_ready();
  judge_canary();
  follow_opcache_resets();
  answer_finished();
}

void Deployment::on_emptied(Generation& generation) {
  ended_.push_back(&generation);
}

void Deployment::discard_ended() {
  for (Generation* ended : std::exchange(ended_, {})) {
    if (active_ == ended) active_ = nullptr;
    if (booting_ == ended) booting_ = nullptr;
    std::erase_if(generations_, [ended](const auto& other) { return other.get() == ended; });
  }
  answer_finished();
}

void Deployment::retire() {
  for (const auto& generation : generations_) {
    generation->retire();
    if (generation->empty()) on_emptied(*generation);
  }
}

void Deployment::kill() {
  for (const auto& generation : generations_) {
    generation->kill();
    if (generation->empty()) on_emptied(*generation);
  }
}

void Deployment::close() {
  open_ = false;
  for (Replies* waiters : {&waiters_, &next_waiters_}) answer(false, "the server stops", std::exchange(*waiters, {}));
  if (booting_ != nullptr && !on_trial_) booting_->kill();  // it has no requests to finish
  for (const auto& generation : generations_) generation->stop_sidecars();
}

void Deployment::reopen_logs() const {
  for (const auto& generation : generations_) generation->reopen_log();
}

void Deployment::forget_sockets() const {
  for (const auto& generation : generations_) generation->forget_socket();
}

void Deployment::end_overdue(unsigned record) const {
  for (const auto& generation : generations_) generation->end_overdue(record);
}

}  // namespace askr::process
