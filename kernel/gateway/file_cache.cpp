#include "gateway/file_cache.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
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

// False when the file has become shorter or cannot be read.
bool read_all(int file, std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

std::shared_ptr<OpenFile> describe(const struct stat& status) {
  auto file = std::make_shared<OpenFile>();
  file->size = static_cast<uint64_t>(status.st_size);
  file->modified = status.st_mtim.tv_sec;
  file->etag = fmt::format("\"{:x}-{:x}\"", nanoseconds(status.st_mtim), file->size);
  file->last_modified = http::format_date(file->modified);
  return file;
}

}  // namespace

FileCache::Found FileCache::open(const std::string& path, const struct stat& status, int64_t now) {
  const auto known = by_path_.find(path);
  if (known != by_path_.end()) {
    const auto entry = known->second;
    if (is_same(entry->status, status)) {
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

  std::shared_ptr<OpenFile> file = describe(opened);
  if (file->size <= kSmallFile) {
    std::string bytes(file->size, '\0');
    if (!read_all(descriptor.get(), bytes)) return {nullptr, EIO};
    file->bytes = std::make_shared<const std::string>(std::move(bytes));
  } else {
    file->file = std::make_shared<const UniqueFd>(std::move(descriptor));
  }
  if (is_settled(opened)) keep({path, opened, file, now});
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
