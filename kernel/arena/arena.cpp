#include "arena/arena.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace askr::arena {
namespace {

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

size_t page_size() {
  static const auto size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

size_t whole_pages(size_t size) {
  return (size + page_size() - 1) / page_size() * page_size();
}

}  // namespace

std::vector<Region> in_order(std::vector<Region> regions) {
  std::stable_sort(regions.begin(), regions.end(),
                   [](const Region& a, const Region& b) { return a.writers < b.writers; });
  return regions;
}

std::string describe_writers(const Region& region) {
  if (region.writers == Writers::none) return "master";
  if (region.writers == Writers::gateways) return "gateways";
  return region.part == 0 ? "workers" : "workers, each a part";
}

Result<Arena> Arena::create(std::vector<Region> requested) {
  Arena arena;
  arena.regions_ = in_order(std::move(requested));
  for (const Region& region : arena.regions_) arena.size_ += whole_pages(region.size);
  ASKR_TRY(arena.map());
  std::byte* next = arena.base_;
  for (Region& region : arena.regions_) {
    region.data = next;
    next += whole_pages(region.size);
  }
  return arena;
}

Result<> Arena::map() {
  UniqueFd memory(::memfd_create("askr", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (memory && ::ftruncate(memory.get(), static_cast<off_t>(size_)) != 0) memory.reset();
  const int flags = MAP_SHARED | MAP_NORESERVE | (memory ? 0 : MAP_ANONYMOUS);
  void* base = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, flags, memory.get(), 0);
  if (base == MAP_FAILED) {
    return system_error("cannot map " + std::to_string(size_ >> 20) +
                        " MB of shared memory (lower server.queue_size or server.workers)");
  }
  base_ = static_cast<std::byte*>(base);
  // What is mapped already stays writable; nothing else ever is.
  const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
  if (memory && ::fcntl(memory.get(), F_ADD_SEALS, seals) == 0) sealed_ = std::move(memory);
  return ok();
}

Arena::Arena(Arena&& other) noexcept
    : regions_(std::move(other.regions_)),
      base_(std::exchange(other.base_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      sealed_(std::move(other.sealed_)) {}

Arena::~Arena() {
  if (base_ != nullptr) ::munmap(base_, size_);
}

const Region* Arena::find(std::string_view name) const {
  for (const Region& region : regions_) {
    if (region.name == name) return &region;
  }
  return nullptr;
}

Result<> Arena::restrict_to(Writers who) const {
  const std::byte* from = base_;
  for (const Region& region : regions_) {
    if (!includes(region.writers, who)) continue;
    ASKR_TRY(make_read_only(from, region.data));
    from = region.data + whole_pages(region.size);
  }
  return make_read_only(from, base_ + size_);
}

Result<> Arena::restrict_to_part(Writers who, size_t part) {
  const std::byte* from = base_;
  for (const Region& region : regions_) {
    const bool has_part = region.part == 0 || (part + 1) * region.part <= whole_pages(region.size);
    if (!includes(region.writers, who) || !has_part) continue;
    const std::byte* begin = region.data + part * region.part;
    const size_t size = region.part == 0 ? whole_pages(region.size) : region.part;
    ASKR_TRY(make_read_only(from, begin));
    from = begin + size;
  }
  ASKR_TRY(make_read_only(from, base_ + size_));
  sealed_.reset();
  return ok();
}

Result<> Arena::make_read_only(const std::byte* begin, const std::byte* end) const {
  if (begin == end) return ok();
  auto* address = const_cast<std::byte*>(begin);
  const auto size = static_cast<size_t>(end - begin);
  const bool done = sealed_ ? ::mmap(address, size, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, sealed_.get(),
                                     begin - base_) != MAP_FAILED
                            : ::mprotect(address, size, PROT_READ) == 0;
  if (!done) return system_error("cannot make shared memory read-only");
  return ok();
}

}  // namespace askr::arena
