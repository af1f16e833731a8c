// What the kernel says of a descriptor beyond its name: /proc/self/fdinfo.
#pragma once

#include <cstdint>
#include <vector>

namespace askr::php {

struct EventCounter {
  uint64_t count = 0;
  bool is_semaphore = false;  // where the kernel says so
  unsigned id = 0;            // where the kernel says it: the same for all descriptors of it
};
EventCounter event_counter(int eventfd);

// What an event loop waits for.
struct Interest {
  int fd;
  uint32_t events;
  uint64_t data;
  bool operator==(const Interest& other) const = default;
};
// Ascending by descriptor.
std::vector<Interest> interests_of(int epoll);

}  // namespace askr::php
