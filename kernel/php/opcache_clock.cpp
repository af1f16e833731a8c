#include "php/opcache_clock.hpp"

#include <link.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <span>
#include <string_view>
#include <vector>

#include "php/own_request.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

time_t* opcache_clock = nullptr;

// The clock is among the variables behind opcache's settings (zend_accel_globals in ZendAccelerator.h).
constexpr size_t kSearched = 1024;

struct Segment {
  uintptr_t begin, end;
};

extern "C" int askr_php_find_segment(dl_phdr_info* library, size_t, void* found) {
  auto& segment = *static_cast<Segment*>(found);
  for (const ElfW(Phdr) & part : std::span(library->dlpi_phdr, library->dlpi_phnum)) {
    const uintptr_t begin = library->dlpi_addr + part.p_vaddr;
    if (part.p_type != PT_LOAD || segment.begin < begin || segment.begin >= begin + part.p_memsz) continue;
    segment.end = begin + part.p_memsz;
    return 1;
  }
  return 0;
}

// Where the clock may be; empty without opcache.
std::span<time_t> find_surroundings() {
  constexpr std::string_view kSetting = "opcache.revalidate_freq";
  const void* setting = zend_hash_str_find_ptr(EG(ini_directives), kSetting.data(), kSetting.size());
  if (setting == nullptr) return {};
  void* settings = static_cast<const zend_ini_entry*>(setting)->mh_arg2;
  Segment segment{reinterpret_cast<uintptr_t>(settings), 0};
  if (segment.begin % alignof(time_t) != 0 || dl_iterate_phdr(askr_php_find_segment, &segment) == 0) return {};
  const size_t size = std::min(segment.end - segment.begin, kSearched);
  return {static_cast<time_t*>(settings), size / sizeof(time_t)};
}

time_t pretended_time = 0;

extern "C" zend_result askr_php_pretend_time(double* time) {
  *time = static_cast<double>(pretended_time);
  return SUCCESS;
}

}  // namespace

bool find_opcache_clock() {
  const std::span<time_t> surroundings = find_surroundings();
  std::vector<bool> followed(surroundings.size(), true);
  const auto original = sapi_module.get_request_time;
  sapi_module.get_request_time = askr_php_pretend_time;
  for (const time_t time : {1'000'000'007, 1'000'000'009}) {
    pretended_time = time;
    run_own_request([] {});
    for (size_t index = 0; index < surroundings.size(); ++index) {
      followed[index] = followed[index] && surroundings[index] == time;
    }
  }
  sapi_module.get_request_time = original;
  if (std::count(followed.begin(), followed.end(), true) != 1) return false;
  const auto at = std::find(followed.begin(), followed.end(), true) - followed.begin();
  opcache_clock = &surroundings[static_cast<size_t>(at)];
  return true;
}

void set_opcache_clock() {
  if (opcache_clock != nullptr) *opcache_clock = static_cast<time_t>(sapi_get_request_time());
}

}  // namespace askr::php
