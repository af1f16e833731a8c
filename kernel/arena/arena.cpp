#include "arena/arena.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>

namespace askr::arena {

Result<Arena> Arena::create(std::vector<Region> requested) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  Arena arena;
  arena.regions_ = std::move(requested);
  for (const Region& region : arena.regions_) arena.size_ += (region.size + page - 1) / page * page;

  void* base = ::mmap(nullptr, arena.size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    return system_error("cannot map " + std::to_string(arena.size_ >> 20) +
                        " MB of shared memory (lower server.queue_size or server.workers)");
  }
  arena.base_ = static_cast<std::byte*>(base);

  std::byte* next = arena.base_;
  for (Region& region : arena.regions_) {
    region.data = next;
    next += (region.size + page - 1) / page * page;
  }
  return arena;
}

Arena::Arena(Arena&& other) noexcept
    : regions_(std::move(other.regions_)),
      base_(std::exchange(other.base_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Arena::~Arena() {
  if (base_ != nullptr) ::munmap(base_, size_);
}

const Region* Arena::find(std::string_view name) const {
  for (const Region& region : regions_) {
    if (region.name == name) return &region;
  }
  return nullptr;
}

}  // namespace askr::arena
