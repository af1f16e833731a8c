// What the kernel says of this process in one line: /proc/self/stat.
#pragma once

#include <cstddef>
#include <cstdint>

namespace askr::php {

// What a request can change without leaving more of it than this. Signals: a bit each, of the first 31.
struct ProcessMarks {
  int64_t process_group, session, nice;
  uint64_t ignored, caught;
  bool operator==(const ProcessMarks& other) const = default;
};

struct ProcessFacts {
  ProcessMarks marks;
  int64_t threads;
  uint64_t faults;  // of pages, so far
  uint64_t space;   // bytes of address space
};

// `fd` is /proc/self/stat, read from its start. False: it cannot be read.
bool read_process_facts(int fd, ProcessFacts& facts);

}  // namespace askr::php
