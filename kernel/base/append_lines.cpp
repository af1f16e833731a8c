// Room is reserved before it is written to. As long as there is far more of it than all processes could take at once,
// no two of them need to know of each other. Close to the end they take turns: who has the lock counts exactly.
#include "base/append_lines.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace askr {
namespace {

// What others may append between our look and our write.
constexpr uint64_t kCrowd = 128 << 10;
// Reserved at once, so that it is not asked for with each line.
constexpr uint64_t kAhead = 256 << 10;
constexpr int kAttempts = 50;

enum class Reserve : uint8_t { ahead, exactly };

uint64_t left_of(uint64_t all, uint64_t used) {
  return all > used ? all - used : 0;
}

uint64_t size_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

bool cannot_reserve(int number) {
  return number == EOPNOTSUPP || number == ENOSYS || number == EINVAL || number == EPERM;
}

// How many bytes can be appended for sure, if nobody else does.
uint64_t room_behind(int file, uint64_t wanted, Reserve reserve) {
  struct stat facts {};
  if (::fstat(file, &facts) != 0) return UINT64_MAX;
  const auto size = static_cast<uint64_t>(facts.st_size);
  uint64_t reserved = left_of(static_cast<uint64_t>(facts.st_blocks) * 512, size);
  if (reserved < wanted) {
    const uint64_t more = wanted + (reserve == Reserve::ahead ? kAhead : 0);
    const bool done = ::fallocate(file, FALLOC_FL_KEEP_SIZE, facts.st_size, static_cast<off_t>(more)) == 0;
    if (done) reserved = more;
    if (!done && cannot_reserve(errno)) reserved = UINT64_MAX;
  }
  return std::min(reserved, left_of(size_limit(), size));
}

size_t write_now(int file, std::string_view bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written = ::write(file, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    done += static_cast<size_t>(written);
  }
  return done;
}

// Belongs to the process, so it also tells processes apart that have inherited one descriptor.
bool set_lock(int file, short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (::fcntl(file, F_SETLK, &lock) == 0) return true;
    if (errno != EAGAIN && errno != EACCES) return true;  // a file system without locks
    ::usleep(20);
  }
  return false;
}

size_t append_alone(int file, std::string_view lines) {
  if (!set_lock(file, F_WRLCK)) return 0;
  const uint64_t room = room_behind(file, lines.size(), Reserve::exactly);
  if (room < lines.size()) {
    const size_t end = room == 0 ? std::string_view::npos : lines.rfind('\n', room - 1);
    lines = lines.substr(0, end == std::string_view::npos ? 0 : end + 1);
  }
  const size_t done = write_now(file, lines);
  set_lock(file, F_UNLCK);
  return done;
}

}  // namespace

size_t append_lines(int file, std::string_view lines) {
  const uint64_t wanted = lines.size() + kCrowd;
  if (room_behind(file, wanted, Reserve::ahead) >= wanted) return write_now(file, lines);
  return append_alone(file, lines);
}

}  // namespace askr
