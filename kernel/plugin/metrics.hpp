// Metrics: the counters and gauges of plugins, in shared memory ("askr.metrics/1").
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace askr::plugin {

class Metrics {
 public:
  static constexpr unsigned kMost = 512;

  struct Metric {
    std::string name, help;
    uint32_t kind;  // enum askr_metric_kind
  };
  // A cache line each, so that two busy counters do not share one.
  struct alignas(64) Cell {
    std::atomic<int64_t> value;
  };

  // False: too many.
  bool add(Metric metric, uint32_t& id);
  [[nodiscard]] const std::vector<Metric>& all() const { return all_; }
  [[nodiscard]] size_t bytes() const { return all_.size() * sizeof(Cell); }
  // Before that, values go nowhere.
  void attach(void* memory) { cells_ = static_cast<Cell*>(memory); }
  // nullptr: no such metric, or there is no shared memory yet.
  [[nodiscard]] Cell* cell(uint32_t id) const { return id < all_.size() && cells_ != nullptr ? cells_ + id : nullptr; }

 private:
  std::vector<Metric> all_;
  Cell* cells_ = nullptr;
};

inline bool Metrics::add(Metric metric, uint32_t& id) {
  if (all_.size() == kMost) return false;
  id = static_cast<uint32_t>(all_.size());
  all_.push_back(std::move(metric));
  return true;
}

}  // namespace askr::plugin
