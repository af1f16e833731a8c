#include "php/binding_lessons.hpp"

#include <link.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <new>

namespace askr::php {
namespace {

// Each round is another checkpoint, and each look costs a little.
constexpr unsigned kMostRounds = 6;
constexpr unsigned kMostLooks = 64;
constexpr size_t kMostLibraries = 512;
constexpr size_t kMostTables = 512;
constexpr size_t kMostNotes = 4096;

// Of a library that looks functions up at their first call: an address for each of them.
struct Table {
  uintptr_t* begin;
  size_t size;
};

struct Note {
  uintptr_t* place;
  uintptr_t address;
};

struct Range {
  uintptr_t begin, end;
};

struct Lessons {
  unsigned rounds = 0;
  unsigned looks = 0;
  size_t library_count = 0;
  std::array<Range, kMostLibraries> libraries;
  size_t table_count = 0;
  std::array<Table, kMostTables> tables;
  size_t note_count = 0;
  std::array<Note, kMostNotes> notes;
  uintptr_t* known = nullptr;  // what all tables had at the checkpoint, one behind the other
  size_t known_size = 0;
};

Lessons* lessons = nullptr;

void* map_shared(size_t size) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

// The first three addresses of a table are the linker's own.
constexpr size_t kReserved = 3;

Table table_of(const ElfW(Dyn) * dynamic) {
  uintptr_t table = 0;
  size_t relocations = 0;
  bool is_bound = false;
  for (; dynamic->d_tag != DT_NULL; ++dynamic) {
    if (dynamic->d_tag == DT_PLTGOT) table = dynamic->d_un.d_ptr;
    if (dynamic->d_tag == DT_PLTRELSZ) relocations = dynamic->d_un.d_val / sizeof(ElfW(Rela));
    if (dynamic->d_tag == DT_BIND_NOW) is_bound = true;
    if (dynamic->d_tag == DT_FLAGS && (dynamic->d_un.d_val & DF_BIND_NOW) != 0) is_bound = true;
    if (dynamic->d_tag == DT_FLAGS_1 && (dynamic->d_un.d_val & DF_1_NOW) != 0) is_bound = true;
  }
  if (table == 0 || relocations == 0 || is_bound) return {nullptr, 0};
  return {reinterpret_cast<uintptr_t*>(table) + kReserved, relocations};
}

// One that a request has loaded goes with it.
bool is_lasting(uintptr_t address) {
  for (size_t index = 0; index < lessons->library_count; ++index) {
    if (lessons->libraries[index].begin <= address && address < lessons->libraries[index].end) return true;
  }
  return false;
}

void add_code(const dl_phdr_info& library, const ElfW(Phdr) & header) {
  if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0 || lessons->library_count == kMostLibraries) return;
  const uintptr_t begin = library.dlpi_addr + header.p_vaddr;
  lessons->libraries[lessons->library_count++] = {begin, begin + header.p_memsz};
}

int add_library(dl_phdr_info* library, size_t /*size*/, void* /*data*/) {
  for (int index = 0; index < library->dlpi_phnum; ++index) {
    const ElfW(Phdr)& header = library->dlpi_phdr[index];
    add_code(*library, header);
    if (header.p_type != PT_DYNAMIC) continue;
    const Table table = table_of(reinterpret_cast<const ElfW(Dyn)*>(library->dlpi_addr + header.p_vaddr));
    // The linker has made addresses of offsets where it could write to the section.
    const bool is_address = reinterpret_cast<uintptr_t>(table.begin) > library->dlpi_addr;
    if (table.size > 0 && is_address && lessons->table_count < kMostTables) {
      lessons->tables[lessons->table_count++] = table;
      lessons->known_size += table.size;
    }
  }
  return 0;
}

void remember_known() {
  uintptr_t* known = lessons->known;
  for (size_t index = 0; index < lessons->table_count; ++index) {
    const Table& table = lessons->tables[index];
    std::memcpy(known, table.begin, table.size * sizeof(uintptr_t));
    known += table.size;
  }
}

void note_table(const Table& table, const uintptr_t* known) {
  for (size_t index = 0; index < table.size; ++index) {
    const uintptr_t address = table.begin[index];
    if (address == known[index] || lessons->note_count == kMostNotes || !is_lasting(address)) continue;
    lessons->notes[lessons->note_count++] = {table.begin + index, address};
  }
}

}  // namespace

void prepare_binding_lessons() {
  if (lessons != nullptr) return;
  void* memory = map_shared(sizeof(Lessons));
  if (memory == nullptr) return;
  lessons = new (memory) Lessons;
  ::dl_iterate_phdr(add_library, nullptr);
  lessons->known = static_cast<uintptr_t*>(map_shared((lessons->known_size + 1) * sizeof(uintptr_t)));
  if (lessons->known != nullptr) remember_known();
}

void note_bindings() {
  if (lessons == nullptr || lessons->known == nullptr) return;
  if (lessons->rounds == kMostRounds || lessons->looks == kMostLooks) return;
  ++lessons->looks;
  const uintptr_t* known = lessons->known;
  for (size_t index = 0; index < lessons->table_count; ++index) {
    const Table& table = lessons->tables[index];
    if (std::memcmp(table.begin, known, table.size * sizeof(uintptr_t)) != 0) note_table(table, known);
    known += table.size;
  }
}

bool learn_bindings() {
  if (lessons == nullptr || lessons->note_count == 0) return false;
  for (size_t index = 0; index < lessons->note_count; ++index)
    *lessons->notes[index].place = lessons->notes[index].address;
  lessons->note_count = 0;
  ++lessons->rounds;
  remember_known();
  return true;
}

}  // namespace askr::php
