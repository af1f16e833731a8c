// OutputQueue: what a connection still has to send, in order: memory, pieces of files, and a spool file once memory
// would be too much. Written as far as the client takes it; the rest waits without holding anybody up.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "gateway/spool_file.hpp"
#include "gateway/transport.hpp"

namespace askr::gateway {

// broken: the client has gone. file_short: a file ends before what was to be sent of it.
enum class Flow : uint8_t { done, blocked, broken, file_short };

class OutputQueue {
 public:
  // Bytes held in memory before the spool file is used.
  static constexpr size_t kMemoryLimit = 1U << 20;
  // Bytes on disk per response; above, the worker has to wait (back-pressure).
  static constexpr uint64_t kSpoolLimit = 1ULL << 30;

  explicit OutputQueue(Spool& spool) : spool_(spool) {}

  // Sends pieces at once if nothing waits before them; copies what the client did not take.
  Flow send(Transport& transport, const iovec* pieces, int count);
  void append(std::string_view bytes);
  // Sent from where they are; `keeper` owns them and is let go when they are out.
  void append(std::shared_ptr<const void> keeper, std::string_view bytes);
  void append(std::shared_ptr<const UniqueFd> file, uint64_t offset, uint64_t length);

  // Writes until everything is out or the client takes no more.
  Flow write(Transport& transport);

  [[nodiscard]] bool empty() const { return pending_ == 0; }
  [[nodiscard]] uint64_t pending() const { return pending_; }
  // True when memory and disk are at their limit: take nothing more from the worker for now.
  [[nodiscard]] bool full() const;
  void clear();

 private:
  struct Piece {
    std::string owned;  // one of the four
    std::shared_ptr<const void> keeper;
    std::string_view shared;
    std::shared_ptr<const UniqueFd> file;
    bool spooled = false;
    uint64_t offset = 0, length = 0;
  };
  bool spool(std::string_view bytes);
  bool append_to_file(std::string_view bytes);
  Flow write_memory(Transport& transport);
  void advance(uint64_t bytes);

  Spool& spool_;
  std::deque<Piece> pieces_;
  uint64_t pending_ = 0;
  size_t in_memory_ = 0;
  std::unique_ptr<SpoolFile> file_;
  bool spool_failed_ = false;
};

}  // namespace askr::gateway
