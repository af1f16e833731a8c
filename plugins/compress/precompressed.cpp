#include "precompressed.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace compression {
namespace {

std::string neighbour_of(const std::string& path, Coding coding) {
  return path + (coding == Coding::brotli ? ".br" : ".gz");
}

bool is_older(const timespec& a, const timespec& b) {
  return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

bool is_usable(const std::string& path, const struct stat& original) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
         !is_older(status.st_mtim, original.st_mtim) && ::access(path.c_str(), R_OK) == 0;
}

}  // namespace

Neighbours::Offer Neighbours::look(const std::string& path, int64_t now) {
  const auto found = known_.find(path);
  if (found != known_.end() && now < found->second.until) return found->second.offer;
  Offer offer;
  struct stat original {};
  if (::stat(path.c_str(), &original) == 0) {
    offer.brotli = is_usable(neighbour_of(path, Coding::brotli), original);
    offer.gzip = is_usable(neighbour_of(path, Coding::gzip), original);
  }
  if (known_.size() >= kMost) known_.clear();
  known_[path] = {offer, now + kRemembered};
  return offer;
}

OpenNeighbour Neighbours::open(const std::string& path, Coding coding) {
  const int fd = ::open(neighbour_of(path, coding).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat status {};
  if (fd >= 0 && ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    return {fd, static_cast<uint64_t>(status.st_size)};
  }
  if (fd >= 0) ::close(fd);
  return {};
}

}  // namespace compression
