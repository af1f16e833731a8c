#include "base/event_loop.hpp"

#include "base/clock.hpp"

namespace askr {

Result<EventLoop> EventLoop::create() {
  EventLoop loop;
  loop.epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!loop.epoll_) return system_error("cannot make an epoll instance");
  return loop;
}

Result<> EventLoop::add(int fd, uint32_t events, Watcher& watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watcher;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return system_error("cannot watch a descriptor");
  return ok();
}

void EventLoop::remove(int fd) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::wait(int64_t timeout_ns) {
  // Rounded up: waking a millisecond early would only mean to sleep again.
  const int timeout = timeout_ns < 0 ? -1 : static_cast<int>((timeout_ns + kMillisecond - 1) / kMillisecond);
  ready_ = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout);
}

void EventLoop::dispatch() {
  for (int index = 0; index < ready_; ++index) {
    const epoll_event& event = events_[static_cast<size_t>(index)];
    static_cast<Watcher*>(event.data.ptr)->on_ready(event.events);
  }
  ready_ = 0;
}

}  // namespace askr
