#include "precompressed.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace compression {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// When the content of a file was changed, and the file itself: written to, renamed, replaced. Nanoseconds since 1970.
struct FileVersion {
  int64_t modified = 0, changed = 0;
};

std::string neighbour_of(const std::string& path, Coding coding) {
  return path + (coding == Coding::brotli ? ".br" : ".gz");
}

int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * kSecond + time.tv_nsec;
}

// A time without a fraction may have lost it on the way.
bool is_older(int64_t time, int64_t than) {
  return time % kSecond == 0 ? time / kSecond < than / kSecond : time < than;
}

bool is_usable(const struct stat& status, const FileVersion& original) {
  return S_ISREG(status.st_mode) && status.st_size > 0 && !is_older(nanoseconds(status.st_mtim), original.modified) &&
         nanoseconds(status.st_ctim) >= original.changed;
}

bool is_there(const std::string& path, const FileVersion& original) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && is_usable(status, original) && ::access(path.c_str(), R_OK) == 0;
}

// False: there is no such file.
bool version_of(const std::string& path, FileVersion& version) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;
  version = {nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
  return true;
}

std::string etag_of(const struct stat& status) {
  const auto number = [](auto value) { return static_cast<unsigned long long>(value); };
  char text[96];
  const int size = std::snprintf(text, sizeof text, "\"%llx-%llx-%llx.%llx\"", number(nanoseconds(status.st_mtim)),
                                 number(status.st_size), number(nanoseconds(status.st_ctim)), number(status.st_ino));
  return {text, static_cast<size_t>(size)};
}

}  // namespace

Neighbours::Offer Neighbours::look(const std::string& path, int64_t now) {
  const auto found = known_.find(path);
  if (found != known_.end() && now < found->second.until) return found->second.offer;
  FileVersion original;
  Offer offer;
  if (version_of(path, original)) {
    offer.brotli = is_there(neighbour_of(path, Coding::brotli), original);
    offer.gzip = is_there(neighbour_of(path, Coding::gzip), original);
  }
  if (known_.size() >= kMost) known_.clear();
  known_[path] = {offer, now + kRemembered};
  return offer;
}

OpenNeighbour Neighbours::open(const std::string& path, Coding coding) {
  const int fd = ::open(neighbour_of(path, coding).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat status {};
  FileVersion original;
  if (fd >= 0 && ::fstat(fd, &status) == 0 && version_of(path, original) && is_usable(status, original)) {
    return {fd, static_cast<uint64_t>(status.st_size), status.st_mtim.tv_sec, etag_of(status)};
  }
  if (fd >= 0) ::close(fd);
  return {};
}

}  // namespace compression
