#include "gateway/output_queue.hpp"

#include <algorithm>
#include <array>

#include "base/log.hpp"

namespace askr::gateway {
namespace {

constexpr size_t kFilePiece = 2U << 20;  // per sendfile, so that one fast client does not keep the loop
constexpr int kMaxPieces = 32;

iovec as_iovec(const char* data, size_t size) {
  return {const_cast<char*>(data), size};
}

}  // namespace

Flow OutputQueue::send(Transport& transport, const iovec* pieces, int count) {
  ssize_t sent = 0;
  if (empty()) {
    sent = transport.write(pieces, count);
    if (sent == kBroken) return Flow::broken;
    if (sent == kAgain) sent = 0;
  }
  auto skip = static_cast<size_t>(sent);
  for (int index = 0; index < count; ++index) {
    const size_t size = pieces[index].iov_len;
    if (skip < size) append({static_cast<const char*>(pieces[index].iov_base) + skip, size - skip});
    skip -= std::min(skip, size);
  }
  return empty() ? Flow::done : Flow::blocked;
}

void OutputQueue::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (in_memory_ + bytes.size() > kMemoryLimit && spool(bytes)) return;
  if (!pieces_.empty() && !pieces_.back().owned.empty() && pieces_.back().owned.size() < kMemoryLimit / 16) {
    pieces_.back().owned.append(bytes);
    pieces_.back().length += bytes.size();
  } else {
    Piece& piece = pieces_.emplace_back();
    piece.owned = bytes;
    piece.length = bytes.size();
  }
  in_memory_ += bytes.size();
  pending_ += bytes.size();
}

void OutputQueue::append(std::shared_ptr<const void> keeper, std::string_view bytes) {
  if (bytes.empty()) return;
  Piece& piece = pieces_.emplace_back();
  piece.keeper = std::move(keeper);
  piece.shared = bytes;
  piece.length = bytes.size();
  pending_ += bytes.size();
}

void OutputQueue::append(std::shared_ptr<const UniqueFd> file, uint64_t offset, uint64_t length) {
  if (length == 0) return;
  Piece& piece = pieces_.emplace_back();
  piece.file = std::move(file);
  piece.offset = offset;
  piece.length = length;
  pending_ += length;
}

// False: there is no room. Then the bytes stay in memory and full() holds the worker back.
bool OutputQueue::spool(std::string_view bytes) {
  if (spool_failed_) return false;
  spool_failed_ = !append_to_file(bytes);
  if (spool_failed_) return false;
  if (!pieces_.empty() && pieces_.back().spooled) {
    pieces_.back().length += bytes.size();
  } else {
    Piece& piece = pieces_.emplace_back();
    piece.spooled = true;
    piece.offset = file_->size() - bytes.size();
    piece.length = bytes.size();
  }
  pending_ += bytes.size();
  return true;
}

bool OutputQueue::append_to_file(std::string_view bytes) {
  if (!spool_.has_room_for(bytes.size())) {
    spool_.note_full();
    return false;
  }
  if (!file_) {
    auto made = SpoolFile::create(spool_);
    if (made) file_ = std::move(made).value();
  }
  if (file_ && file_->append(bytes)) return true;
  log::warning("the spool folder {} takes no more; workers wait for slow clients until it does", spool_.folder());
  return false;
}

Flow OutputQueue::write_memory(Transport& transport) {
  std::array<iovec, kMaxPieces> pieces;
  int count = 0;
  size_t total = 0;
  for (const Piece& piece : pieces_) {
    if (piece.file || piece.spooled || count == kMaxPieces) break;
    const std::string_view bytes = piece.owned.empty() ? piece.shared : piece.owned;
    pieces[static_cast<size_t>(count++)] = as_iovec(bytes.data() + piece.offset, piece.length);
    total += piece.length;
  }
  const ssize_t sent = transport.write(pieces.data(), count);
  if (sent == kBroken) return Flow::broken;
  if (sent == kAgain) return Flow::blocked;
  advance(static_cast<uint64_t>(sent));
  return static_cast<size_t>(sent) < total ? Flow::blocked : Flow::done;
}

Flow OutputQueue::write(Transport& transport) {
  while (!pieces_.empty()) {
    const Piece& front = pieces_.front();
    if (!front.file && !front.spooled) {
      const Flow flow = write_memory(transport);
      if (flow != Flow::done) return flow;
      continue;
    }
    const int fd = front.spooled ? file_->file().get() : front.file->get();
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(front.length, kFilePiece));
    const ssize_t sent = transport.send_file(fd, front.offset, wanted);
    if (sent == kBroken) return Flow::broken;
    if (sent == kAgain) return Flow::blocked;
    if (sent == 0) return Flow::file_short;
    advance(static_cast<uint64_t>(sent));
  }
  return Flow::done;
}

void OutputQueue::advance(uint64_t bytes) {
  pending_ -= bytes;
  while (bytes > 0) {
    Piece& front = pieces_.front();
    const uint64_t part = std::min(bytes, front.length);
    front.offset += part;
    front.length -= part;
    bytes -= part;
    if (!front.owned.empty()) in_memory_ -= part;
    if (front.length == 0) pieces_.pop_front();
  }
  if (pieces_.empty()) {
    file_.reset();
    spool_failed_ = false;
  }
}

bool OutputQueue::full() const {
  if (spool_failed_) return in_memory_ >= kMemoryLimit;
  return file_ && file_->size() >= kSpoolLimit;
}

void OutputQueue::clear() {
  pieces_.clear();
  pending_ = 0;
  in_memory_ = 0;
  file_.reset();
  spool_failed_ = false;
}

}  // namespace askr::gateway
