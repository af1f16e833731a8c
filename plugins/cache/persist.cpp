// A header, records, and a checksum over all of it. Only plain representations: codings are made again when somebody
// wants them. Times are wall time in the file, because the monotonic clock begins anew with the machine.
#include "persist.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "askr/sdk.hpp"
#include "clock.hpp"
#include "hash.hpp"

namespace cache {
namespace {

constexpr char kMagic[16] = "askr-cache/1\n";

struct Record {
  uint32_t key_size, vary_size, tag_count, head_size, flags, reserved;
  uint64_t body_size;
  int64_t stored, fresh_until, stale_until, error_until;  // wall ns
};

// A file under another name until it is complete.
class Writer {
 public:
  explicit Writer(const std::string& path)
      : path_(path), file_(std::fopen((path + ".new").c_str(), "wbe")), sum_(sizeof kMagic) {
    if (file_ != nullptr) ::fchmod(::fileno(file_), 0600);
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
  std::FILE* file_;
  uint64_t sum_;
  bool good_ = true;
};

// The same pieces in the same order give the same sum.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes), sum_(sizeof kMagic) {}
  // data() == nullptr: there is not so much left.
  std::string_view take(uint64_t size) {
    if (size > left_.size()) return {};
    const std::string_view piece = left_.substr(0, size);
    left_.remove_prefix(size);
    if (size == 0) return piece;
    sum_ = mix(sum_ ^ hash_of(piece), 0xd6e8feb86659fd93ULL);
    return piece;
  }
  [[nodiscard]] size_t left() const { return left_.size(); }
  [[nodiscard]] bool ends_with_sum() const {
    uint64_t sum = 0;
    if (left_.size() != sizeof sum) return false;
    std::memcpy(&sum, left_.data(), sizeof sum);
    return sum == sum_;
  }

 private:
  std::string_view left_;
  uint64_t sum_;
};

class Mapped {
 public:
  explicit Mapped(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (fd >= 0 && ::fstat(fd, &status) == 0 && status.st_size > 0) {
      size_ = static_cast<size_t>(status.st_size);
      memory_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    exists_ = fd >= 0;
    if (fd >= 0) ::close(fd);
  }
  ~Mapped() {
    if (memory_ != MAP_FAILED) ::munmap(memory_, size_);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  [[nodiscard]] bool exists() const { return exists_; }
  [[nodiscard]] std::string_view bytes() const {
    return memory_ == MAP_FAILED ? std::string_view() : std::string_view(static_cast<const char*>(memory_), size_);
  }

 private:
  void* memory_ = MAP_FAILED;
  size_t size_ = 0;
  bool exists_ = false;
};

// visit(record, key, vary, tags, head, body) for each. False: the file is not whole.
template <class Visitor>
bool read_all(std::string_view bytes, Visitor&& visit) {
  Reader reader(bytes);
  if (reader.take(sizeof kMagic) != std::string_view(kMagic, sizeof kMagic)) return false;
  while (reader.left() > sizeof(uint64_t)) {
    const std::string_view header = reader.take(sizeof(Record));
    if (header.data() == nullptr) return false;
    Record record;
    std::memcpy(&record, header.data(), sizeof record);
    const std::string_view key = reader.take(record.key_size);
    const std::string_view vary = reader.take(record.vary_size);
    const std::string_view tags = reader.take(uint64_t{record.tag_count} * sizeof(uint32_t));
    const std::string_view head = reader.take(record.head_size);
    const std::string_view body = reader.take(record.body_size);
    if (body.data() == nullptr || head.data() == nullptr) return false;
    visit(record, key, vary, tags, head, body);
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
    const Record record{entry.key_size,
                        entry.vary_size,
                        entry.tag_count,
                        entry.head_size,
                        entry.flags & 1,
                        0,
                        entry.body_size,
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

void restore(ResponseStore& store, const std::string& path) {
  const Mapped file(path);
  if (!file.exists()) return;
  const auto ignore = [](const Record&, std::string_view, std::string_view, std::string_view, std::string_view,
                         std::string_view) {};
  const bool whole = read_all(file.bytes(), ignore);
  ::unlink(path.c_str());
  if (!whole) {
    askr::log::warning(path + " does not hold the responses of this version of the cache: it begins empty");
    return;
  }
  const int64_t to_monotonic = coarse_now() - wall_now();
  size_t count = 0;
  read_all(file.bytes(), [&](const Record& record, std::string_view key, std::string_view vary, std::string_view tags,
                             std::string_view head, std::string_view body) {
    NewResponse response{.key = key,
                         .vary = vary,
                         .tags = std::vector<uint32_t>(record.tag_count),
                         .head = head,
                         .body = body,
                         .flags = record.flags,
                         .born = store.tags().now(),
                         .began = store.writes().now(),
                         .stored = record.stored + to_monotonic,
                         .fresh_until = record.fresh_until + to_monotonic,
                         .stale_until = record.stale_until + to_monotonic,
                         .error_until = record.error_until + to_monotonic};
    if (!tags.empty()) std::memcpy(response.tags.data(), tags.data(), tags.size());
    const bool is_over = coarse_now() >= std::max({response.fresh_until, response.stale_until, response.error_until});
    unsigned evicted = 0;
    if (!is_over && store.store(store.hash(key), response, coarse_now(), evicted) == Stored::yes) ++count;
  });
  askr::log::info("restored " + std::to_string(count) + " responses from " + path);
}

}  // namespace cache
