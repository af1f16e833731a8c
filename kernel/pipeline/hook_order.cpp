// Repeatedly takes the first hook, in the order of registration, that nothing untaken has to precede. Quadratic in
// the number of hooks, of which a phase has a handful, and run once at start.
#include "pipeline/hook_order.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace askr::pipeline {
namespace {

bool names(const std::vector<std::string>& ids, const std::string& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

bool must_precede(const Hook& first, const Hook& second) {
  return names(first.before, second.plugin) || names(second.after, first.plugin);
}

class Sorter {
 public:
  explicit Sorter(std::vector<Hook>& hooks) : hooks_(hooks), taken_(hooks.size()) {}

  // False when those that are left wait for each other.
  bool sort() {
    for (size_t count = 0; count < hooks_.size(); ++count) {
      const size_t next = find_free();
      if (next == hooks_.size()) return false;
      taken_[next] = true;
      order_.push_back(next);
    }
    return true;
  }

  [[nodiscard]] std::vector<Hook> result() const {
    std::vector<Hook> sorted;
    sorted.reserve(order_.size());
    for (const size_t index : order_) sorted.push_back(std::move(hooks_[index]));
    return sorted;
  }

  // Going from a waiting hook to one that it waits for never ends, so it comes by the same hook twice.
  [[nodiscard]] std::string cycle() const {
    std::vector<size_t> walk;
    size_t at = static_cast<size_t>(std::find(taken_.begin(), taken_.end(), false) - taken_.begin());
    while (std::find(walk.begin(), walk.end(), at) == walk.end()) {
      walk.push_back(at);
      at = obstacle_of(at);
    }
    const auto first = std::find(walk.begin(), walk.end(), at);
    std::string text = hooks_[at].plugin;
    for (auto step = walk.end(); step != first;) text += " before " + hooks_[*--step].plugin;
    return text;
  }

 private:
  // An untaken hook that has to precede the one at `index`; the size when there is none.
  [[nodiscard]] size_t obstacle_of(size_t index) const {
    for (size_t other = 0; other < hooks_.size(); ++other) {
      if (!taken_[other] && must_precede(hooks_[other], hooks_[index])) return other;
    }
    return hooks_.size();
  }
  [[nodiscard]] size_t find_free() const {
    for (size_t index = 0; index < hooks_.size(); ++index) {
      if (!taken_[index] && obstacle_of(index) == hooks_.size()) return index;
    }
    return hooks_.size();
  }

  std::vector<Hook>& hooks_;
  std::vector<bool> taken_;
  std::vector<size_t> order_;
};

}  // namespace

Result<> order_hooks(Phase phase, std::vector<Hook>& hooks) {
  Sorter sorter(hooks);
  if (!sorter.sort()) {
    return Error{"the hooks of " + std::string(phase_name(phase)) + " wait for each other: " + sorter.cycle(), 2};
  }
  hooks = sorter.result();
  return ok();
}

}  // namespace askr::pipeline
