#include "php/address_space.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

namespace {

using namespace askr::php;

struct Mapped {
  explicit Mapped(size_t pages, int kind = MAP_PRIVATE)
      : size(pages * kPage),
        data(static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0))) {}
  ~Mapped() { ::munmap(data, size); }
  [[nodiscard]] uintptr_t begin() const { return reinterpret_cast<uintptr_t>(data); }

  size_t size;
  char* data;
};

std::vector<Area> all_areas() {
  std::vector<Area> areas(4096);
  std::vector<char> text(1 << 20);
  areas.resize(find_areas(areas, text));
  return areas;
}

const Area* area_of(const std::vector<Area>& areas, uintptr_t address) {
  const auto found = std::find_if(areas.begin(), areas.end(),
                                  [&](const Area& area) { return area.begin <= address && address < area.end; });
  return found == areas.end() ? nullptr : &*found;
}

// Which pages of the mapping this process has for itself, one bit each.
unsigned own_pages(const Mapped& mapped) {
  const int pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  std::vector<uint64_t> buffer(2);  // small, so that it takes several rounds
  unsigned own = 0;
  const Area area{mapped.begin(), mapped.begin() + mapped.size, true, false};
  for_each_page(pagemap, area, buffer, [&](uintptr_t address, PageState page) {
    if (page.is_own()) own |= 1U << ((address - mapped.begin()) / kPage);
  });
  ::close(pagemap);
  return own;
}

TEST_CASE("areas are found in order, and private ones that can be written to are told from the others") {
  const Mapped private_memory(3);
  const Mapped shared_memory(3, MAP_SHARED);
  const std::vector<Area> areas = all_areas();
  REQUIRE(areas.size() > 5);
  CHECK(std::is_sorted(areas.begin(), areas.end(), [](const Area& a, const Area& b) { return a.end <= b.begin; }));
  const Area* found = area_of(areas, private_memory.begin());
  REQUIRE(found != nullptr);
  CHECK((found->is_mutable && !found->is_file));
  found = area_of(areas, shared_memory.begin());
  REQUIRE(found != nullptr);
  CHECK_FALSE(found->is_mutable);
  found = area_of(areas, reinterpret_cast<uintptr_t>(&all_areas));  // code
  REQUIRE(found != nullptr);
  CHECK((!found->is_mutable && found->is_file));
}

TEST_CASE("buffers that are too small are told, not overrun") {
  std::vector<Area> few(2);
  std::vector<char> text(1 << 20);
  CHECK(find_areas(few, text) == 0);
  std::vector<Area> areas(4096);
  std::vector<char> little(100);
  CHECK(find_areas(areas, little) == 0);
}

TEST_CASE("after a fork a page is a process's own once it was written to") {
  const Mapped memory(5);
  for (size_t page = 0; page < 4; ++page) memory.data[page * kPage] = 'a';
  CHECK(own_pages(memory) == 0b01111);
  const pid_t child = ::fork();
  if (child == 0) {
    const unsigned before = own_pages(memory);
    memory.data[kPage] = 'b';
    memory.data[4 * kPage] = 'b';
    const unsigned after = own_pages(memory);
    ::_exit(before == 0 && after == 0b10010 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

}  // namespace
