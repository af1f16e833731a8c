#include "gateway/stragglers.hpp"

#include "base/clock.hpp"

namespace askr::gateway {

class Stragglers::Straggler final : public Timed {
 public:
  Straggler(Stragglers& all, uint32_t slot) : all_(all), slot_(slot) {}

  void watch() {
    ticket_ = slot().ticket.load(std::memory_order_relaxed);
    all_.timers_.arm(timer_, Timeout::request, deadline());
  }

  void on_timeout(Timeout /*kind*/) override {
    const bool runs = slot().state.load(std::memory_order_acquire) == exchange::SlotState::running &&
                      slot().ticket.load(std::memory_order_relaxed) == ticket_;
    if (!runs) return;
    if (monotonic_now() < deadline()) {
      watch();
    } else {
      all_.port_.request_kill(slot_);
    }
  }

 private:
  [[nodiscard]] const exchange::Slot& slot() const { return all_.port_.slot(slot_); }
  [[nodiscard]] int64_t deadline() const { return slot().begun() + all_.limit_; }

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
  if (port_.slot(slot).state.load(std::memory_order_acquire) != exchange::SlotState::running) return;
  std::unique_ptr<Straggler>& straggler = by_slot_[slot - first_slot_];
  if (straggler == nullptr) straggler = std::make_unique<Straggler>(*this, slot);
  straggler->watch();
}

}  // namespace askr::gateway
