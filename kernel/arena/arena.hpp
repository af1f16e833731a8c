// Arena: the one shared mapping, made by the master before any fork, so that every process sees the same memory at the
// same address. It is cut into named regions with an owner, a size and a layout version. Sizes are fixed at creation;
// pages cost memory only once they are touched. Inside a region there are offsets and indices, not pointers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace askr::arena {

struct Region {
  std::string name;   // "kernel.exchange"
  std::string owner;  // plugin id, or "kernel"
  size_t size = 0;    // bytes
  uint32_t layout_version = 1;
  std::byte* data = nullptr;  // zeroed at creation, page aligned
};

class Arena {
 public:
  // Maps all regions of `requested` (their `data` is ignored). Error: no memory.
  static Result<Arena> create(std::vector<Region> requested);

  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&&) = delete;
  Arena(const Arena&) = delete;
  ~Arena();

  [[nodiscard]] const std::vector<Region>& regions() const { return regions_; }
  // nullptr when there is no such region.
  [[nodiscard]] const Region* find(std::string_view name) const;

 private:
  Arena() = default;
  std::vector<Region> regions_;
  std::byte* base_ = nullptr;
  size_t size_ = 0;
};

}  // namespace askr::arena
