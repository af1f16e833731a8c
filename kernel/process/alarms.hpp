// Alarms of the master: a handful of things to do later.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace askr::process {

class Alarms {
 public:
  // `deadline`: monotonic ns.
  void at(int64_t deadline, std::function<void()> action) { pending_.emplace(deadline, std::move(action)); }

  void run_due(int64_t now) {
    while (!pending_.empty() && pending_.begin()->first <= now) {
      const std::function<void()> action = std::move(pending_.begin()->second);
      pending_.erase(pending_.begin());
      action();
    }
  }
  // Negative: none.
  [[nodiscard]] int64_t until_next(int64_t now) const {
    if (pending_.empty()) return -1;
    return pending_.begin()->first > now ? pending_.begin()->first - now : 0;
  }

 private:
  std::multimap<int64_t, std::function<void()>> pending_;
};

}  // namespace askr::process
