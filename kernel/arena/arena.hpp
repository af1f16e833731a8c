// Arena: the one shared mapping, made by the master before any fork, so that every process sees the same memory at the
// same address. It is cut into named regions with an owner, a size, a layout version and those who write to them. Sizes
// are fixed at creation; pages cost memory only once they are touched. Inside a region there are offsets and indices,
// not pointers.
//
// A process that runs PHP may be made to write anywhere, by a broken extension or by who attacks the application. So
// what a process has no business writing to it cannot write to: right after its fork those regions are mapped once
// more over themselves, read-only, from a descriptor that is sealed against writing. No mprotect() takes that back, and
// no mapping of the process's own. Where the kernel has no such seal (before Linux 5.1) an mprotect() has to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr::arena {

// Kinds of processes, as a set. The master writes to everything and is in none.
enum class Writers : uint8_t { none = 0, gateways = 1, workers = 2, sidecars = 4, all = 7 };

constexpr Writers operator|(Writers a, Writers b) {
  return static_cast<Writers>(static_cast<uint8_t>(a) | static_cast<uint8_t>(b));
}
// Is any of `some` among `all`?
constexpr bool includes(Writers all, Writers some) {
  return (static_cast<uint8_t>(all) & static_cast<uint8_t>(some)) != 0;
}

struct Region {
  std::string name;   // "kernel.exchange"
  std::string owner;  // plugin id, or "kernel"
  size_t size = 0;    // bytes
  uint32_t layout_version = 1;
  std::byte* data = nullptr;       // zeroed at creation, page aligned
  Writers writers = Writers::all;  // beside the master
  size_t part = 0;  // not 0: each worker and sidecar writes only to a part of its own, of so many bytes (whole pages)
};

// Whoever of those that write to it is trusted least, for a person: "master", "gateways", "workers, each a part".
std::string describe_writers(const Region& region);
// In the order of their addresses: neighbours that the same processes write to are made read-only in one go.
std::vector<Region> in_order(std::vector<Region> regions);

class Arena {
 public:
  // Maps all regions of `requested` (their `data` is ignored), in_order(). Error: no memory.
  static Result<Arena> create(std::vector<Region> requested);

  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&&) = delete;
  Arena(const Arena&) = delete;
  ~Arena();

  // In the order of their addresses.
  [[nodiscard]] const std::vector<Region>& regions() const { return regions_; }
  // nullptr when there is no such region.
  [[nodiscard]] const Region* find(std::string_view name) const;

  // In a new process: what none of `who` writes to is read-only from here on. A template names all that it will fork.
  [[nodiscard]] Result<> restrict_to(Writers who) const;
  // In a worker or sidecar: of the regions that have parts only this one is left writable.
  [[nodiscard]] Result<> restrict_to_part(Writers who, size_t part);

 private:
  Arena() = default;
  Result<> map();
  [[nodiscard]] Result<> make_read_only(const std::byte* begin, const std::byte* end) const;

  std::vector<Region> regions_;
  std::byte* base_ = nullptr;
  size_t size_ = 0;
  UniqueFd sealed_;  // of the whole mapping, for reading; none: the kernel cannot do that
};

}  // namespace askr::arena
