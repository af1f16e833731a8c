#include "plugin/gateway_loop.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "pipeline/contain.hpp"
#include "plugin/interfaces.hpp"

namespace askr::plugin {
namespace {

GatewayLoop* current_loop = nullptr;

int64_t loop_now() {
  return current_loop == nullptr ? monotonic_now() : current_loop->now();
}

askr_status set_timer(const askr_host* host, int64_t delay, void (*callback)(void*), void* context, uint64_t* timer) {
  if (current_loop == nullptr) return ASKR_E_WRONG_STEP;
  if (callback == nullptr || delay < 0) return ASKR_E_INVALID;
  const uint64_t id = current_loop->set_timer(plugin_of(host), delay, callback, context);
  if (timer != nullptr) *timer = id;
  return ASKR_OK;
}

askr_status cancel_timer(const askr_host* /*host*/, uint64_t timer) {
  if (current_loop == nullptr) return ASKR_E_WRONG_STEP;
  return current_loop->cancel_timer(timer) ? ASKR_OK : ASKR_E_NOT_FOUND;
}

askr_status watch(const askr_host* host, int32_t fd, uint32_t events, void (*callback)(void*, uint32_t),
                  void* context) {
  if (current_loop == nullptr) return ASKR_E_WRONG_STEP;
  if (callback == nullptr || fd < 0) return ASKR_E_INVALID;
  return current_loop->watch(plugin_of(host), fd, events, callback, context);
}

askr_status unwatch(const askr_host* /*host*/, int32_t fd) {
  if (current_loop == nullptr) return ASKR_E_WRONG_STEP;
  return current_loop->unwatch(fd) ? ASKR_OK : ASKR_E_NOT_FOUND;
}

askr_status add_work(const askr_host* host, int32_t (*step)(void*), void* context, uint64_t* work) {
  if (current_loop == nullptr) return ASKR_E_WRONG_STEP;
  if (step == nullptr) return ASKR_E_INVALID;
  const uint64_t id = current_loop->add_work(plugin_of(host), step, context);
  if (work != nullptr) *work = id;
  return ASKR_OK;
}

askr_status cancel_work(const askr_host* /*host*/, uint64_t work) {
  if (current_loop == nullptr) return ASKR_E_WRONG_STEP;
  return current_loop->cancel_work(work) ? ASKR_OK : ASKR_E_NOT_FOUND;
}

uint32_t to_epoll(uint32_t events) {
  uint32_t epoll = 0;
  if ((events & ASKR_READABLE) != 0) epoll |= EPOLLIN;
  if ((events & ASKR_WRITABLE) != 0) epoll |= EPOLLOUT;
  if ((events & ASKR_HUNG_UP) != 0) epoll |= EPOLLRDHUP;
  return epoll;
}

uint32_t from_epoll(uint32_t events) {
  uint32_t ready = 0;
  if ((events & EPOLLIN) != 0) ready |= ASKR_READABLE;
  if ((events & EPOLLOUT) != 0) ready |= ASKR_WRITABLE;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ready |= ASKR_HUNG_UP;
  return ready;
}

}  // namespace

const askr_loop kLoopInterface = {sizeof(askr_loop), loop_now, set_timer,  cancel_timer, watch,
                                  unwatch,           add_work, cancel_work};

GatewayLoop::GatewayLoop(EventLoop& loop) : loop_(loop) {
  current_loop = this;
}

GatewayLoop::~GatewayLoop() {
  current_loop = nullptr;
}

GatewayLoop* GatewayLoop::current() {
  return current_loop;
}

int64_t GatewayLoop::until_next(int64_t now) const {
  if (timers_.empty()) return -1;
  return std::max<int64_t>(timers_.begin()->first - now, 0);
}

// A callback may set and cancel timers, also those that are due.
void GatewayLoop::expire(int64_t now) {
  removed_.clear();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const PluginTimer timer = timers_.begin()->second;
    by_id_.erase(timer.id);
    timers_.erase(timers_.begin());
    pipeline::contain(timer.plugin->id(), "a timer", 0, [&] { return timer.callback(timer.context), 0; });
  }
}

uint64_t GatewayLoop::set_timer(const ActivePlugin& plugin, int64_t delay, TimerCallback callback, void* context) {
  const uint64_t id = ++last_id_;
  // One nanosecond later at least, so that a timer that sets itself again cannot keep expire() busy for ever.
  by_id_[id] = timers_.emplace(now_ + std::max<int64_t>(delay, 1), PluginTimer{id, &plugin, callback, context});
  return id;
}

bool GatewayLoop::cancel_timer(uint64_t id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return false;
  timers_.erase(found->second);
  by_id_.erase(found);
  return true;
}

uint64_t GatewayLoop::add_work(const ActivePlugin& plugin, Step step, void* context) {
  work_.push_back({++last_id_, &plugin, step, context});
  return last_id_;
}

bool GatewayLoop::cancel_work(uint64_t id) {
  return std::erase_if(work_, [id](const Work& work) { return work.id == id; }) > 0;
}

// A step may add work and cancel that of others.
void GatewayLoop::do_work(TurnBudget& budget) {
  if (work_.empty()) return;
  do {
    const Work work = work_.front();
    work_.pop_front();
    const int32_t more = budget.spend([&work] {
      return pipeline::contain(work.plugin->id(), "a step of its work", 0, [&work] { return work.step(work.context); });
    });
    if (more != 0) work_.push_back(work);
  } while (!work_.empty() && !budget.is_spent());
}

askr_status GatewayLoop::watch(const ActivePlugin& plugin, int fd, uint32_t events, ReadyCallback callback,
                               void* context) {
  unwatch(fd);
  auto watched = std::make_unique<Watched>();
  watched->plugin = &plugin;
  watched->callback = callback;
  watched->context = context;
  struct stat facts {};
  if (::fstat(fd, &facts) != 0 || !loop_.add(fd, to_epoll(events), *watched)) return ASKR_E_FAILED;
  watched->device = facts.st_dev;
  watched->inode = facts.st_ino;
  watched_[fd] = std::move(watched);
  return ASKR_OK;
}

bool GatewayLoop::unwatch(int fd) {
  const auto found = watched_.find(fd);
  if (found == watched_.end()) return false;
  if (found->second->is_still(fd)) loop_.remove(fd);
  found->second->callback = nullptr;
  removed_.push_back(std::move(found->second));
  watched_.erase(found);
  return true;
}

// A plugin may have closed it without a word, and the number may be that of a client since.
bool GatewayLoop::Watched::is_still(int fd) const {
  struct stat facts {};
  return ::fstat(fd, &facts) == 0 && facts.st_dev == device && facts.st_ino == inode;
}

void GatewayLoop::Watched::on_ready(uint32_t events) {
  if (callback == nullptr) return;
  pipeline::contain(plugin->id(), "a descriptor's callback", 0,
                    [&] { return callback(context, from_epoll(events)), 0; });
}

void GatewayLoop::forget(const ActivePlugin& plugin) {
  std::vector<uint64_t> timers;
  for (const auto& [deadline, timer] : timers_) {
    if (timer.plugin == &plugin) timers.push_back(timer.id);
  }
  for (const uint64_t id : timers) cancel_timer(id);
  std::vector<int> descriptors;
  for (const auto& [fd, watched] : watched_) {
    if (watched->plugin == &plugin) descriptors.push_back(fd);
  }
  for (const int fd : descriptors) unwatch(fd);
  std::erase_if(work_, [&plugin](const Work& work) { return work.plugin == &plugin; });
}

void GatewayLoop::report_leftovers() const {
  std::map<std::string_view, std::pair<unsigned, unsigned>> left;  // timers, descriptors
  for (const auto& [deadline, timer] : timers_) ++left[timer.plugin->id()].first;
  for (const auto& [fd, watched] : watched_) ++left[watched->plugin->id()].second;
  for (const auto& [id, counts] : left) {
    log::warning("plugin {} has left {} timers and {} watched descriptors behind", id, counts.first, counts.second);
  }
}

}  // namespace askr::plugin
