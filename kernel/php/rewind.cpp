#include "php/rewind.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <span>
#include <vector>

#include "php/address_space.hpp"
#include "php/kernel_state.hpp"
#include "php/process_facts.hpp"

namespace askr::php {
namespace {

using exchange::NotRewound;

constexpr size_t kMostAreas = 4096;
constexpr size_t kMostPages = 16384;    // that a worker may have written to: 64 MB
constexpr size_t kMostSpace = 4 << 20;  // pages that can be written to at all: 16 GB
constexpr size_t kStackSize = 64 << 10;
constexpr size_t kMapsText = 1 << 20;

// Shared mappings are no part of what is rewound, and all state of this file that has to last lives in them.
void* map_shared(size_t size) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

// Without calling anything: it runs while the memory of the C library is being replaced.
inline void copy_page(uintptr_t to, const void* from) {
#if defined(__x86_64__)
  void* target = reinterpret_cast<void*>(to);
  size_t words = kPage / 8;
  asm volatile("rep movsq" : "+D"(target), "+S"(from), "+c"(words) : : "memory");
#else
  auto* target = reinterpret_cast<volatile uint64_t*>(to);
  for (size_t word = 0; word < kPage / 8; ++word) target[word] = static_cast<const uint64_t*>(from)[word];
#endif
}

inline void clear_page(uintptr_t at) {
#if defined(__x86_64__)
  void* target = reinterpret_cast<void*>(at);
  size_t words = kPage / 8;
  asm volatile("rep stosq" : "+D"(target), "+c"(words) : "a"(0) : "memory");
#else
  auto* target = reinterpret_cast<volatile uint64_t*>(at);
  for (size_t word = 0; word < kPage / 8; ++word) target[word] = 0;
#endif
}

// ---------------------------------------------------------------- the template's memory

struct ImageArea {
  Area area;
  size_t first_page;  // in Image::pages and Image::present
};

struct Image {
  size_t area_count;
  std::array<ImageArea, kMostAreas> areas;
  char* present;  // by page: is there anything
  char* pages;
  std::array<Area, kMostAreas> found;
  std::array<uint64_t, 4096> states;
  std::array<char, kMapsText> text;

  bool make();
  bool fill(int pagemap);
  // nullptr: there was nothing at this address.
  [[nodiscard]] const char* find(uintptr_t address) const;
};

Image* image = nullptr;

bool Image::make() {
  const size_t count = find_areas(found, text);
  size_t all_pages = 0;
  area_count = 0;
  for (size_t index = 0; index < count; ++index) {
    if (!found[index].is_mutable) continue;
    areas[area_count++] = {found[index], all_pages};
    all_pages += found[index].pages();
  }
  if (area_count == 0 || all_pages > kMostSpace) return false;
  present = static_cast<char*>(map_shared(all_pages));
  pages = static_cast<char*>(map_shared(all_pages * kPage));
  if (present == nullptr || pages == nullptr) return false;
  const int pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  const bool filled = pagemap >= 0 && fill(pagemap);
  ::close(pagemap);
  return filled;
}

bool Image::fill(int pagemap) {
  for (size_t index = 0; index < area_count; ++index) {
    const auto& [area, first_page] = areas[index];
    const bool read = for_each_page(pagemap, area, states, [&](uintptr_t address, PageState state) {
      if (!state.is_present() && !area.is_file) return;
      const size_t page = first_page + (address - area.begin) / kPage;
      present[page] = 1;
      copy_page(reinterpret_cast<uintptr_t>(pages + page * kPage), reinterpret_cast<const void*>(address));
    });
    if (!read) return false;
  }
  return true;
}

const char* Image::find(uintptr_t address) const {
  const ImageArea* end = areas.data() + area_count;
  const ImageArea* found_area = std::upper_bound(
      areas.data(), end, address, [](uintptr_t at, const ImageArea& each) { return at < each.area.end; });
  if (found_area == end || address < found_area->area.begin) return nullptr;
  const size_t page = found_area->first_page + (address - found_area->area.begin) / kPage;
  return present[page] != 0 ? pages + page * kPage : nullptr;
}

// ---------------------------------------------------------------- a worker's memory

struct Page {
  uintptr_t address;
  const void* source;  // nullptr: zeros
};

struct Rewinder {
  KernelState kernel;
  ucontext_t here;   // inside take_checkpoint()
  ucontext_t there;  // on a stack of its own
  bool going_back;
  int pagemap, stat;
  ProcessMarks marks;  // at the checkpoint
  uint64_t space;      // bytes of address space
  uint64_t faults;     // of this process, when the list was last known to be complete; 0: it never was
  uintptr_t heap_end, stack_begin;
  size_t area_count;
  std::array<Area, kMostAreas> areas;
  size_t page_count;
  std::array<Page, kMostPages> pages;  // to be copied back
  size_t kept_count;
  std::array<Page, kMostPages> kept;  // what differed from the image at the checkpoint, ascending
  // --- scratch
  std::array<Area, kMostAreas> found;
  std::array<uint64_t, 4096> states;
  std::array<char, kMapsText> text;
  alignas(16) std::array<char, kStackSize> stack;
  alignas(kPage) std::array<char, kMostPages * kPage> store;  // of `kept`

  bool open(std::span<const int> of_the_server);
  bool take();
  NotRewound put_kernel_back(Look look, ProcessFacts& facts) const;
  NotRewound complete_list(ProcessFacts& facts);

 private:
  bool find_own_areas();
  bool keep(uintptr_t address);
  bool keep_empty(uintptr_t address);
  bool keep_differences();
  [[nodiscard]] const void* source_of(uintptr_t address) const;
  NotRewound list_pages();
  NotRewound put_address_space_back();
  void unmap(uintptr_t begin, uintptr_t end) const;
  [[nodiscard]] bool is_unchanged(size_t count) const;
  [[nodiscard]] bool has_all_areas(size_t count) const;
};

Rewinder* rewinder = nullptr;

bool Rewinder::open(std::span<const int> of_the_server) {
  pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  stat = ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  going_back = false;
  std::vector<int> known(of_the_server.begin(), of_the_server.end());
  known.insert(known.end(), {pagemap, stat});
  ProcessFacts facts{};
  if (pagemap < 0 || !read_process_facts(stat, facts) || !kernel.take(known)) return false;
  marks = facts.marks;
  return true;
}

bool Rewinder::take() {
  ProcessFacts facts{};
  return find_own_areas() && keep_differences() && read_process_facts(stat, facts) &&
         complete_list(facts) == NotRewound::no;
}

bool Rewinder::find_own_areas() {
  area_count = find_areas(areas, text);
  heap_end = reinterpret_cast<uintptr_t>(::sbrk(0));
  space = faults = 0;
  const auto here_now = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  size_t all_pages = 0;
  for (size_t index = 0; index < area_count; ++index) {
    if (areas[index].begin <= here_now && here_now < areas[index].end) stack_begin = areas[index].begin;
    if (areas[index].is_mutable) all_pages += areas[index].pages();
  }
  return area_count > 0 && all_pages <= kMostSpace;
}

bool Rewinder::keep(uintptr_t address) {
  if (kept_count == kMostPages) return false;
  char* copy = store.data() + kept_count * kPage;
  copy_page(reinterpret_cast<uintptr_t>(copy), reinterpret_cast<const void*>(address));
  kept[kept_count++] = {address, copy};
  return true;
}

// The template has something there and this process has not (MADV_WIPEONFORK, which random number generators use).
bool Rewinder::keep_empty(uintptr_t address) {
  if (image->find(address) == nullptr) return true;
  if (kept_count == kMostPages) return false;
  kept[kept_count++] = {address, nullptr};
  return true;
}

// What is this process's own has no other copy; what it shares with the template may have been changed there since the
// image was made.
bool Rewinder::keep_differences() {
  kept_count = 0;
  bool fits = true;
  for (size_t index = 0; index < area_count && fits; ++index) {
    const Area& area = areas[index];
    if (!area.is_mutable) continue;
    const bool read = for_each_page(pagemap, area, states, [&](uintptr_t address, PageState page) {
      if (!page.is_present() && !area.is_file) {
        fits = fits && keep_empty(address);
        return;
      }
      const char* before = image->find(address);
      const bool same = before != nullptr && !page.is_own() &&
                        std::memcmp(before, reinterpret_cast<const void*>(address), kPage) == 0;
      if (!same) fits = fits && keep(address);
    });
    if (!read) return false;
  }
  return fits;
}

const void* Rewinder::source_of(uintptr_t address) const {
  const Page* end = kept.data() + kept_count;
  const Page* found_page =
      std::lower_bound(kept.data(), end, address, [](const Page& page, uintptr_t at) { return page.address < at; });
  return found_page != end && found_page->address == address ? found_page->source : image->find(address);
}

NotRewound Rewinder::list_pages() {
  page_count = 0;
  bool fits = true;
  for (size_t index = 0; index < area_count && fits; ++index) {
    if (!areas[index].is_mutable) continue;
    const bool is_file = areas[index].is_file;
    const bool read = for_each_page(pagemap, areas[index], states, [&](uintptr_t address, PageState page) {
      if (!page.is_own() && (page.is_present() || is_file)) return;
      const void* source = source_of(address);
      if (source == nullptr && !page.is_present()) return;  // as empty as it was
      fits = fits && page_count < kMostPages;
      if (fits) pages[page_count++] = {address, source};
    });
    if (!read) return NotRewound::unreadable;
  }
  return fits ? NotRewound::no : NotRewound::written;
}

// The stack may have grown; what it has grown by is as good as empty, and the kernel would not let it grow again.
void Rewinder::unmap(uintptr_t begin, uintptr_t end) const {
  if (begin < end && end != stack_begin) ::munmap(reinterpret_cast<void*>(begin), end - begin);
}

// New mappings go. One of the old ones may have gone, or have become smaller.
NotRewound Rewinder::put_address_space_back() {
  const bool has_heap = reinterpret_cast<uintptr_t>(::sbrk(0)) == heap_end;
  if (!has_heap && ::brk(reinterpret_cast<void*>(heap_end)) != 0) return NotRewound::unmapped;
  const size_t count = find_areas(found, text);
  if (count == 0) return NotRewound::unreadable;
  if (is_unchanged(count)) return NotRewound::no;
  if (!has_all_areas(count)) return NotRewound::unmapped;
  size_t old = 0;
  for (size_t index = 0; index < count; ++index) {
    uintptr_t at = found[index].begin;
    while (old < area_count && areas[old].end <= at) ++old;
    for (size_t each = old; each < area_count && areas[each].begin < found[index].end; ++each) {
      unmap(at, areas[each].begin);
      at = areas[each].end;
    }
    unmap(at, found[index].end);
  }
  return NotRewound::no;
}

bool Rewinder::is_unchanged(size_t count) const {
  return count == area_count && std::equal(areas.begin(), areas.begin() + static_cast<ptrdiff_t>(count), found.begin(),
                                           [](const Area& a, const Area& b) {
                                             return a.begin == b.begin && a.end == b.end &&
                                                    a.is_mutable == b.is_mutable;
                                           });
}

bool Rewinder::has_all_areas(size_t count) const {
  size_t at = 0;
  for (size_t index = 0; index < area_count; ++index) {
    uintptr_t covered = areas[index].begin;
    while (at < count && found[at].end <= covered) ++at;
    for (size_t each = at; each < count && found[each].begin <= covered; ++each) {
      covered = std::max(covered, found[each].end);
    }
    if (covered < areas[index].end) return false;
  }
  return true;
}

NotRewound Rewinder::complete_list(ProcessFacts& facts) {
  if (facts.threads != 1) return NotRewound::thread;
  if (facts.space == space && facts.faults == faults) return NotRewound::no;
  // The same size may be other mappings.
  if (const NotRewound why = put_address_space_back(); why != NotRewound::no) return why;
  if (const NotRewound why = list_pages(); why != NotRewound::no) return why;
  if (!read_process_facts(stat, facts)) return NotRewound::unreadable;
  space = facts.space;
  faults = facts.faults;
  return NotRewound::no;
}

// Signals are blocked afterwards: nobody shall write anything from here on. What was not looked for shows in the marks,
// if it was done in another way.
NotRewound Rewinder::put_kernel_back(Look look, ProcessFacts& facts) const {
  sigset_t all;
  sigfillset(&all);
  for (;; look = Look::complete) {
    if (const NotRewound why = kernel.why_not_put_back(look); why != NotRewound::no) return why;
    kernel.put_back(look);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    if (!read_process_facts(stat, facts)) return NotRewound::unreadable;
    if (look == Look::complete || facts.marks == marks) return NotRewound::no;
    ::sigprocmask(SIG_SETMASK, &here.uc_sigmask, nullptr);
  }
}

// On a stack of its own: the other one is among what is copied. Calls nothing before all is back.
void go_back() {
  const Rewinder& r = *rewinder;
  for (size_t index = 0; index < r.page_count; ++index) {
    const Page page = r.pages[index];
    if (page.source != nullptr) {
      copy_page(page.address, page.source);
    } else {
      clear_page(page.address);
    }
  }
  ::setcontext(&r.here);
}

bool make_rewinder(std::span<const int> of_the_server) {
  void* memory = image != nullptr ? map_shared(sizeof(Rewinder)) : nullptr;
  if (memory == nullptr) return false;
  rewinder = new (memory) Rewinder;
  if (!rewinder->open(of_the_server)) return false;
  ::getcontext(&rewinder->there);
  rewinder->there.uc_stack.ss_sp = rewinder->stack.data();
  rewinder->there.uc_stack.ss_size = rewinder->stack.size();
  rewinder->there.uc_link = nullptr;
  sigfillset(&rewinder->there.uc_sigmask);
  ::makecontext(&rewinder->there, go_back, 0);
  return true;
}

}  // namespace

void prepare_for_rewinding() {
  ::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

bool take_image() {
  void* memory = map_shared(sizeof(Image));
  if (memory == nullptr) return false;
  image = new (memory) Image;
  if (image->make()) return true;
  image = nullptr;
  return false;
}

Checkpoint take_checkpoint(std::span<const int> of_the_server) {
  if (rewinder == nullptr && !make_rewinder(of_the_server)) return Checkpoint::unavailable;
  ::getcontext(&rewinder->here);
  if (rewinder->going_back) {
    rewinder->going_back = false;
    return Checkpoint::rewound;
  }
  return rewinder->take() ? Checkpoint::taken : Checkpoint::unavailable;
}

NotRewound rewind(Look look) {
  if (rewinder == nullptr) return NotRewound::too_large;
  ProcessFacts facts{};
  NotRewound why = rewinder->put_kernel_back(look, facts);
  if (why == NotRewound::no) why = rewinder->complete_list(facts);
  if (why == NotRewound::no) {
    rewinder->going_back = true;
    ::setcontext(&rewinder->there);
  }
  ::sigprocmask(SIG_SETMASK, &rewinder->here.uc_sigmask, nullptr);
  return why;
}

}  // namespace askr::php
