#include "php/regex_lessons.hpp"

#include <sys/mman.h>

#include <array>
#include <cstring>
#include <new>

#include "php/zend.hpp"

extern "C" {
#include "ext/pcre/php_pcre.h"
}

namespace askr::php {
namespace {

// Each round is another checkpoint, which takes milliseconds; expressions that are made up per request never end.
constexpr unsigned kMostRounds = 6;

struct Lessons {
  unsigned rounds;
  size_t used;
  std::array<char, 64 << 10> text;  // each: its length, then its bytes

  void add(const zend_string* regex) {
    const auto size = static_cast<uint32_t>(ZSTR_LEN(regex));
    if (used + sizeof size + size > text.size()) return;
    memcpy(text.data() + used, &size, sizeof size);
    memcpy(text.data() + used + sizeof size, ZSTR_VAL(regex), size);
    used += sizeof size + size;
  }
};

Lessons* lessons = nullptr;
uint32_t known = 0;  // places of PHP's cache that were taken at the checkpoint

void remember_known() {
  known = PCRE_G(pcre_cache).nNumUsed;
}

void compile(const char* text, uint32_t size) {
  zend_string* regex = zend_string_init(text, size, false);
  pcre_get_compiled_regex_cache(regex);
  zend_string_release(regex);
}

}  // namespace

void prepare_regex_lessons() {
  void* memory = ::mmap(nullptr, sizeof(Lessons), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  lessons = new (memory) Lessons;
  lessons->rounds = 0;
  lessons->used = 0;
  remember_known();
}

// With another locale PHP keeps them under other names.
void note_regexes() {
  if (lessons == nullptr || lessons->rounds == kMostRounds || BG(ctype_string) != nullptr) return;
  const HashTable& cache = PCRE_G(pcre_cache);
  for (uint32_t place = known; place < cache.nNumUsed; ++place) {
    const Bucket& bucket = cache.arData[place];
    if (Z_TYPE(bucket.val) != IS_UNDEF && bucket.key != nullptr) lessons->add(bucket.key);
  }
}

bool learn_regexes() {
  if (lessons == nullptr || lessons->used == 0) return false;
  for (size_t at = 0; at < lessons->used;) {
    uint32_t size = 0;
    memcpy(&size, lessons->text.data() + at, sizeof size);
    compile(lessons->text.data() + at + sizeof size, size);
    at += sizeof size + size;
  }
  lessons->used = 0;
  ++lessons->rounds;
  remember_known();
  return true;
}

}  // namespace askr::php
