#include "gateway/file_cache.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>

#include "base/clock.hpp"
#include "http/date.hpp"

namespace askr::gateway {
namespace {

// File systems stamp with the tick of the kernel or, over a network, with a second.
constexpr int64_t kMayChangeUnseen = 2 * kSecond;

int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * kSecond + time.tv_nsec;
}

bool is_same(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size &&
         nanoseconds(a.st_mtim) == nanoseconds(b.st_mtim) && nanoseconds(a.st_ctim) == nanoseconds(b.st_ctim);
}

bool is_settled(const struct stat& status) {
  const int64_t changed = std::max(nanoseconds(status.st_mtim), nanoseconds(status.st_ctim));
  return changed + kMayChangeUnseen < wall_now();
}

// All that tells two states of a file apart; none of it alone does. A file can be replaced by another one with its size
// and time of modification (rsync -t, archives, reproducible builds), which only inode and time of change show.
uint64_t identity_of(const struct stat& status) {
  return std::hash<std::string>()(fmt::format("{} {} {}", status.st_dev, status.st_ino, nanoseconds(status.st_ctim)));
}

// As much of the file as `bytes` has room for; what is missing is cut off. errno, or 0.
int read_into(int file, std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return 0;
}

// What is read while somebody writes into the file may be neither the old content nor the new one. 0; errno; EBUSY when
// it does not hold still or has grown large.
int read_small(int descriptor, struct stat& status, std::string& bytes) {
  constexpr unsigned kTries = 4;
  for (unsigned tries = 0; tries < kTries && static_cast<uint64_t>(status.st_size) <= FileCache::kSmallFile; ++tries) {
    bytes.resize(static_cast<size_t>(status.st_size));
    if (const int error = read_into(descriptor, bytes); error != 0) return error;
    struct stat after {};
    if (::fstat(descriptor, &after) != 0) return errno;
    const bool held_still = is_same(status, after) && bytes.size() == static_cast<size_t>(status.st_size);
    status = after;
    if (held_still) return 0;
  }
  return EBUSY;
}

// Of a small file the content itself is in the ETag, so that it is the same on all machines that serve it.
void describe(const struct stat& status, OpenFile& file) {
  const uint64_t content = file.bytes ? std::hash<std::string>()(*file.bytes) : identity_of(status);
  file.status = status;
  file.etag = fmt::format("\"{:x}-{:x}-{:x}\"", nanoseconds(status.st_mtim), file.size, content);
  file.last_modified = http::format_date(status.st_mtim.tv_sec);
}

}  // namespace

FileCache::Found FileCache::open(const std::string& path, const struct stat& status, int64_t now) {
  const auto known = by_path_.find(path);
  if (known != by_path_.end()) {
    const auto entry = known->second;
    if (is_same(entry->file->status, status)) {
      entries_.splice(entries_.begin(), entries_, entry);
      entry->used = now;
      return {entry->file};
    }
    forget(entry);
  }

  UniqueFd descriptor(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!descriptor) return {nullptr, errno};
  struct stat opened {};
  if (::fstat(descriptor.get(), &opened) != 0 || !S_ISREG(opened.st_mode)) return {nullptr, ENOENT};

  auto file = std::make_shared<OpenFile>();
  std::string bytes;
  const int error = read_small(descriptor.get(), opened, bytes);
  if (error != 0 && error != EBUSY) return {nullptr, error};
  if (error == 0) {
    file->bytes = std::make_shared<const std::string>(std::move(bytes));
  } else {
    file->file = std::make_shared<const UniqueFd>(std::move(descriptor));
  }
  file->size = static_cast<uint64_t>(opened.st_size);
  describe(opened, *file);
  if (is_settled(opened)) keep({path, file, now});
  return {std::move(file)};
}

void FileCache::keep(Entry entry) {
  bytes_ += entry.file->bytes ? entry.file->size : 0;
  files_ += entry.file->file ? 1 : 0;
  entries_.push_front(std::move(entry));
  by_path_.emplace(entries_.front().path, entries_.begin());
  while (bytes_ > kMaxBytes || entries_.size() > kMaxEntries) forget(std::prev(entries_.end()));
  // Descriptors are the scarcest: small files need not go for them.
  for (auto entry = entries_.end(); files_ > kMaxFiles && entry != entries_.begin();) {
    --entry;
    if (entry->file->file) forget(entry++);
  }
}

int64_t FileCache::forget_unused(int64_t now) {
  while (!entries_.empty() && entries_.back().used + kKeptUnused <= now) forget(std::prev(entries_.end()));
  return entries_.empty() ? 0 : entries_.back().used + kKeptUnused;
}

void FileCache::forget(Entries::iterator entry) {
  bytes_ -= entry->file->bytes ? entry->file->size : 0;
  files_ -= entry->file->file ? 1 : 0;
  by_path_.erase(entry->path);
  entries_.erase(entry);
}

void FileCache::clear() {
  by_path_.clear();
  entries_.clear();
  bytes_ = 0;
  files_ = 0;
}

}  // namespace askr::gateway
