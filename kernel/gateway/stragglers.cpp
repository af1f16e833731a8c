#include "gateway/stragglers.hpp"

#include <algorithm>

#include "base/clock.hpp"

namespace askr::gateway {

class Stragglers::Straggler final : public Timed {
 public:
  Straggler(Stragglers& all, uint32_t slot) : all_(all), slot_(slot) {}

  void watch() {
    ticket_ = order().ticket.load(std::memory_order_relaxed);
    const bool waits = state() == exchange::SlotState::queued;
    arm(waits ? monotonic_now() + kWakeAgain : end_of_run());
  }

  void on_timeout(Timeout /*kind*/) override {
    if (order().ticket.load(std::memory_order_relaxed) != ticket_) return;
    if (state() == exchange::SlotState::queued) {
      on_still_queued();
    } else if (state() == exchange::SlotState::running) {
      on_still_running();
    }
  }

 private:
  void on_still_queued() {
    if (monotonic_now() < order().queue_deadline) {
      all_.port_.wake_again();
      arm(std::min(order().queue_deadline, monotonic_now() + all_.limit_));
    } else if (!all_.port_.withdraw(slot_)) {
      watch();  // taken this very moment
    }
  }

  void on_still_running() {
    if (monotonic_now() < end_of_run()) {
      watch();
    } else {
      all_.port_.request_kill(slot_);
    }
  }

  void arm(int64_t deadline) { all_.timers_.arm(timer_, Timeout::request, deadline); }
  [[nodiscard]] const exchange::Order& order() const { return all_.port_.order(slot_); }
  [[nodiscard]] exchange::SlotState state() const { return all_.port_.state(slot_); }
  [[nodiscard]] int64_t end_of_run() const { return all_.port_.begun(slot_) + all_.limit_; }

  Stragglers& all_;
  const uint32_t slot_;
  uint32_t ticket_ = 0;  // the slot's, when the request was abandoned
  Timer timer_{*this};
};

Stragglers::Stragglers(exchange::GatewayPort& port, Timers& timers, uint32_t first_slot, uint32_t slots, int64_t limit)
    : port_(port), timers_(timers), first_slot_(first_slot), limit_(limit), by_slot_(slots) {
  for (uint32_t slot = first_slot; slot < first_slot + slots; ++slot) watch(slot);
}

Stragglers::~Stragglers() = default;

void Stragglers::abandon(uint32_t slot) {
  port_.abandon(slot);
  watch(slot);
}

void Stragglers::watch(uint32_t slot) {
  const exchange::SlotState state = port_.state(slot);
  const bool is_open = port_.order(slot).open.load(std::memory_order_relaxed) != 0;
  if (!is_open) return;
  if (state != exchange::SlotState::queued && state != exchange::SlotState::running) return;
  std::unique_ptr<Straggler>& straggler = by_slot_[slot - first_slot_];
  if (straggler == nullptr) straggler = std::make_unique<Straggler>(*this, slot);
  straggler->watch();
}

}  // namespace askr::gateway
