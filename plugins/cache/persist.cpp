// A header, records, and a checksum over all of it. Only plain representations: codings are made again when somebody
// wants them. Times are wall time in the file, because the monotonic clock begins anew with the machine.
#include "persist.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "askr/sdk.hpp"
#include "clock.hpp"
#include "fields.hpp"
#include "hash.hpp"

namespace cache {
namespace {

constexpr char kMagic[16] = "askr-cache/1\n";

struct Record {
  uint32_t key_size, vary_size, tag_count, head_size, flags, reserved;
  uint64_t body_size;
  int64_t stored, fresh_until, stale_until, error_until;  // wall ns
};

int open_new(const std::string& path) {
  ::unlink(path.c_str());
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

// Said at the start, and not when the pages are to be saved.
bool may_write_beside(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  return ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

// A file under another name until it is complete.
class Writer {
 public:
  explicit Writer(const std::string& path) : path_(path), sum_(sizeof kMagic) {
    const int fd = open_new(path + ".new");
    if (fd >= 0) file_ = ::fdopen(fd, "wb");
  }
  ~Writer() {
    if (file_ != nullptr) std::fclose(file_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void add(std::string_view bytes) {
    if (bytes.empty()) return;
    good_ = good_ && file_ != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size();
    sum_ = mix(sum_ ^ hash_of(bytes), 0xd6e8feb86659fd93ULL);
  }
  bool finish() {
    const uint64_t sum = sum_;
    add({reinterpret_cast<const char*>(&sum), sizeof sum});
    good_ = good_ && std::fflush(file_) == 0 && ::fsync(::fileno(file_)) == 0;
    if (good_) return std::rename((path_ + ".new").c_str(), path_.c_str()) == 0;
    ::unlink((path_ + ".new").c_str());
    return false;
  }

 private:
  std::string path_;
  std::FILE* file_ = nullptr;
  uint64_t sum_;
  bool good_ = true;
};

// The same pieces in the same order give the same sum. The file is read, not mapped: one that is cut meanwhile has an
// end then, and no hole that the process dies of.
class Reader {
 public:
  explicit Reader(const std::string& path) : sum_(sizeof kMagic) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status {};
    exists_ = fd >= 0 || errno != ENOENT;
    if (fd < 0) return;
    if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
      left_ = static_cast<uint64_t>(status.st_size);
      file_ = ::fdopen(fd, "rb");
    }
    if (file_ == nullptr) ::close(fd);
  }
  ~Reader() {
    if (file_ != nullptr) std::fclose(file_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  [[nodiscard]] bool exists() const { return exists_; }
  [[nodiscard]] uint64_t left() const { return left_; }

  // False: there is not so much left.
  bool take(uint64_t size, std::string& piece) {
    if (!read(size, piece)) return false;
    if (size > 0) sum_ = mix(sum_ ^ hash_of(piece), 0xd6e8feb86659fd93ULL);
    return true;
  }
  bool ends_with_sum() {
    std::string sum;
    return left_ == sizeof sum_ && read(sizeof sum_, sum) && std::memcmp(sum.data(), &sum_, sizeof sum_) == 0;
  }

 private:
  bool read(uint64_t size, std::string& piece) {
    if (file_ == nullptr || size > left_) return false;
    piece.resize(size);
    left_ -= size;
    return std::fread(piece.data(), 1, size, file_) == size;
  }

  std::FILE* file_ = nullptr;
  bool exists_ = false;
  uint64_t left_ = 0;
  uint64_t sum_;
};

struct Page {
  Record record;
  std::string key, vary, tags, head, body;
};

bool is_list_of_fields(std::string_view fields) {
  return for_each_field(fields, [](std::string_view, std::string_view) { return true; });
}

// False: that is not what save() writes.
bool read_page(Reader& reader, Page& page) {
  std::string header;
  if (!reader.take(sizeof(Record), header)) return false;
  std::memcpy(&page.record, header.data(), sizeof page.record);
  const Record& record = page.record;
  return record.key_size > 0 && reader.take(record.key_size, page.key) && reader.take(record.vary_size, page.vary) &&
         reader.take(uint64_t{record.tag_count} * sizeof(uint32_t), page.tags) &&
         reader.take(record.head_size, page.head) && reader.take(record.body_size, page.body) &&
         is_list_of_fields(page.vary) && is_list_of_fields(page.head);
}

// From the clock of the file to that of the machine; false: no time that there can be.
bool move_times(Record& record, int64_t by) {
  for (int64_t* time : {&record.stored, &record.fresh_until, &record.stale_until, &record.error_until}) {
    if (__builtin_add_overflow(*time, by, time)) return false;
  }
  return true;
}

// Stores what is in the file, and counts it. False: it is not whole.
bool read_all(Reader& reader, ResponseStore& store, size_t& count) {
  std::string magic;
  Page page;
  if (!reader.take(sizeof kMagic, magic) || magic != std::string_view(kMagic, sizeof kMagic)) return false;
  while (reader.left() > sizeof(uint64_t)) {
    if (!read_page(reader, page) || !move_times(page.record, coarse_now() - wall_now())) return false;
    const Record& record = page.record;
    NewResponse response{.key = page.key,
                         .vary = page.vary,
                         .tags = std::vector<uint32_t>(record.tag_count),
                         .head = page.head,
                         .body = page.body,
                         .flags = record.flags & kCompressible,
                         .born = store.tags().now(),
                         .began = store.writes().now(),
                         .stored = record.stored,
                         .fresh_until = record.fresh_until,
                         .stale_until = record.stale_until,
                         .error_until = record.error_until};
    if (!page.tags.empty()) std::memcpy(response.tags.data(), page.tags.data(), page.tags.size());
    const bool is_over = coarse_now() >= std::max({response.fresh_until, response.stale_until, response.error_until});
    unsigned evicted = 0;
    if (!is_over && store.store(store.hash(page.key), response, coarse_now(), evicted) == Stored::yes) ++count;
  }
  return reader.ends_with_sum();
}

}  // namespace

void save(ResponseStore& store, const std::string& path) {
  Writer writer(path);
  writer.add({kMagic, sizeof kMagic});
  const int64_t to_wall = wall_now() - coarse_now();
  size_t count = 0;
  store.for_each(coarse_now(), [&](const FoundResponse& found, std::string_view key) {
    const ResponseEntry& entry = found.entry();
    if (entry.coding != 0) return;
    const Extent& extent = found.extent();
    const Record record{extent.key_size,
                        extent.vary_size,
                        extent.tag_count,
                        extent.head_size,
                        entry.flags & 1,
                        0,
                        extent.body_size,
                        entry.stored + to_wall,
                        entry.fresh_until + to_wall,
                        entry.stale_until + to_wall,
                        entry.error_until + to_wall};
    const std::vector<uint32_t> tags = found.tags();
    writer.add({reinterpret_cast<const char*>(&record), sizeof record});
    writer.add(key);
    writer.add(found.vary());
    writer.add({reinterpret_cast<const char*>(tags.data()), tags.size() * sizeof(uint32_t)});
    writer.add(found.head());
    writer.add(found.body());
    ++count;
  });
  if (writer.finish()) {
    askr::log::info("saved " + std::to_string(count) + " responses to " + path);
  } else {
    askr::log::error("cannot save the responses to " + path + ": " + std::strerror(errno));
  }
}

// What was read is forgotten again when the end of the file says that it is not whole.
void restore(ResponseStore& store, const std::string& path) {
  if (!may_write_beside(path)) {
    askr::log::warning("cache.persist: nothing can be saved to " + path + ": " + std::strerror(errno));
  }
  Reader reader(path);
  if (!reader.exists()) return;
  ::unlink(path.c_str());
  size_t count = 0;
  if (read_all(reader, store, count)) {
    askr::log::info("restored " + std::to_string(count) + " responses from " + path);
    return;
  }
  store.tags().flush();
  askr::log::warning(path + " does not hold the responses of this version of the cache: it begins empty");
}

}  // namespace cache
