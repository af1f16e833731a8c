#include "gateway/timers.hpp"

namespace askr::gateway {

void Timer::cancel() {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = nullptr;
}

Timers::Timers()
    : lists_{List(*this), List(*this), List(*this), List(*this), List(*this), List(*this), List(*this), List(*this)} {}

void Timers::arm(Timer& timer, Timeout kind, int64_t deadline) {
  timer.cancel();
  timer.deadline_ = deadline;
  Timer& anchor = lists_[static_cast<unsigned>(kind)].anchor;
  Timer* after = anchor.previous_;
  while (after != &anchor && after->deadline_ > deadline) after = after->previous_;
  timer.previous_ = after;
  timer.next_ = after->next_;
  after->next_->previous_ = &timer;
  after->next_ = &timer;
}

void Timers::expire(int64_t now) {
  for (unsigned kind = 0; kind < kTimeoutKinds; ++kind) {
    Timer& anchor = lists_[kind].anchor;
    while (anchor.next_ != &anchor && anchor.next_->deadline_ <= now) {
      fire(*anchor.next_, static_cast<Timeout>(kind));
    }
  }
}

bool Timers::expire_first(Timeout kind) {
  Timer& anchor = lists_[static_cast<unsigned>(kind)].anchor;
  if (anchor.next_ == &anchor) return false;
  fire(*anchor.next_, kind);
  return true;
}

void Timers::fire(Timer& timer, Timeout kind) {
  timer.cancel();
  timer.owner_.on_timeout(kind);
}

int64_t Timers::until_next(int64_t now) const {
  int64_t nearest = -1;
  for (const List& list : lists_) {
    if (list.anchor.next_ == &list.anchor) continue;
    const int64_t left = list.anchor.next_->deadline_ - now;
    if (nearest < 0 || left < nearest) nearest = left > 0 ? left : 0;
  }
  return nearest;
}

}  // namespace askr::gateway
