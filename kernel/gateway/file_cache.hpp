// FileCache: what static files are sent from, without opening them for each request. Small files are kept as bytes, so
// that head and body leave in one write; of larger ones an open descriptor is kept for sendfile.
//
// An entry is good for exactly the file that stat() has just seen: same device, inode, size and time stamps to the
// nanosecond. A file that changed within the last seconds is not kept at all, because it might change once more
// without its time stamp showing it. Both kinds are bounded; the entry used longest ago goes first. What nobody asks
// for goes after a while in any case: a file that was removed keeps its space on the disk as long as it is open here.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr::gateway {

// The file as it was when it was opened; bytes and validators are of this very one. Exactly one of bytes and file is
// set.
struct OpenFile {
  std::shared_ptr<const std::string> bytes;
  std::shared_ptr<const UniqueFd> file;
  uint64_t size = 0;
  struct stat status {};
  std::string etag;           // strong, with its quotes
  std::string last_modified;  // IMF-fixdate
};

class FileCache {
 public:
  static constexpr uint64_t kSmallFile = 64U << 10;
  static constexpr uint64_t kMaxBytes = 32U << 20;
  static constexpr size_t kMaxFiles = 256;
  static constexpr size_t kMaxEntries = 4096;
  static constexpr int64_t kKeptUnused = 60 * kSecond;

  // `now` is monotonic, `status` is what stat() said about `path` for this request. Fails with errno of open(), or
  // ENOENT when there is no regular file any more.
  struct Found {
    std::shared_ptr<const OpenFile> file;
    int error = 0;
  };
  Found open(const std::string& path, const struct stat& status, int64_t now);
  // Forgets what was not used within kKeptUnused. When to look again; 0: there is nothing left.
  int64_t forget_unused(int64_t now);
  void clear();

 private:
  struct Entry {
    std::string path;
    std::shared_ptr<const OpenFile> file;
    int64_t used = 0;
  };
  using Entries = std::list<Entry>;  // the one used last in front

  void keep(Entry entry);
  void forget(Entries::iterator entry);

  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> by_path_;
  uint64_t bytes_ = 0;
  size_t files_ = 0;
};

}  // namespace askr::gateway
