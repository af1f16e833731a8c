// ChunkLines watches the bytes of a chunked body that are not payload: chunk sizes, extensions, line ends, trailers.
//
// The parser hands out payload and keeps the rest to itself, more leniently than we want: here every line has to end
// with CR LF and nothing else, and what stands between two pieces of payload is limited. Feeding in pieces of any size
// gives the same answer, because all that is remembered is whether the last byte was a CR.
#pragma once

#include <cstddef>
#include <cstdint>

namespace askr::http {

class ChunkLines {
 public:
  enum class Verdict : uint8_t { fine, bad_line_end, too_long };

  void begin(size_t limit) { *this = ChunkLines{limit}; }

  // The next bytes that are not payload.
  Verdict add(const char* data, const char* end) {
    for (; data != end; ++data) {
      if ((*data == '\n') != after_cr_) return Verdict::bad_line_end;
      after_cr_ = *data == '\r';
      if (++size_ > limit_) return Verdict::too_long;
    }
    return Verdict::fine;
  }

  // Payload was found behind them.
  void restart() { size_ = 0; }

  ChunkLines() = default;

 private:
  explicit ChunkLines(size_t limit) : limit_(limit) {}

  size_t limit_ = 0;
  size_t size_ = 0;
  bool after_cr_ = false;
};

}  // namespace askr::http
