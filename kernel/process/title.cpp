#include "process/title.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace askr::process {
namespace {

char* room = nullptr;
size_t room_size = 0;

}  // namespace

void init_titles(int argc, char** argv) {
  if (argc < 1) return;
  // The kernel lays the strings of argv and environ out one behind the other.
  char* const begin = argv[argc - 1] + std::strlen(argv[argc - 1]) + 1;
  char* end = begin;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (*variable == end) end += std::strlen(end) + 1;
  }
  for (char** variable = environ; *variable != nullptr; ++variable) *variable = ::strdup(*variable);
  ::explicit_bzero(begin, static_cast<size_t>(end - begin));
  for (int index = 1; index < argc; ++index) argv[index] = ::strdup(argv[index]);
  room = argv[0];
  argv[0] = ::strdup(argv[0]);
  room_size = static_cast<size_t>(end - room);
}

void set_title(std::string_view title) {
  const std::string short_name(title.substr(0, 15));
  ::prctl(PR_SET_NAME, short_name.c_str());
  if (room_size == 0) return;
  const size_t size = std::min(title.size(), room_size - 1);
  std::memcpy(room, title.data(), size);
  std::memset(room + size, 0, room_size - size);
}

}  // namespace askr::process
