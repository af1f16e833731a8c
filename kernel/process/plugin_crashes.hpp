// PluginCrashes: how often gateways have died inside each plugin, and whether it is time to go on without it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/clock.hpp"

namespace askr::process {

class PluginCrashes {
 public:
  static constexpr size_t kAllowed = 3;
  static constexpr int64_t kWindow = 60 * kSecond;

  // Counts one; returns how many there were within the window.
  size_t add(uint32_t plugin, int64_t now) {
    std::vector<int64_t>& times = times_[plugin];
    std::erase_if(times, [now](int64_t when) { return now - when > kWindow; });
    times.push_back(now);
    return times.size();
  }

 private:
  std::map<uint32_t, std::vector<int64_t>> times_;
};

}  // namespace askr::process
