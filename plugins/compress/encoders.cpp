// Windows are kept small. A body of known size cannot use one larger than itself, and making an encoder costs time in
// proportion to its window; a stream lives long and there may be thousands, so it gets 64 KB for brotli and 32 KB for
// gzip, which is all that gzip has.
#include "encoders.hpp"

#include <brotli/encode.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>

namespace compression {
namespace {

constexpr size_t kChunk = 16U << 10;
constexpr int kStreamWindow = 16;   // bits
constexpr int kLargestWindow = 18;  // of a body of known size
constexpr uint64_t kLargestSize = 1ULL << kLargestWindow;

int window_bits(std::optional<uint64_t> size, int least, int most) {
  if (!size) return std::min(kStreamWindow, most);
  const uint64_t capped = std::min(*size, kLargestSize);
  return std::clamp(static_cast<int>(std::bit_width(capped)), least, most);
}

class GzipEncoder final : public Encoder {
 public:
  static std::unique_ptr<Encoder> make(int level, std::optional<uint64_t> size) {
    auto encoder = std::make_unique<GzipEncoder>();
    constexpr int kGzipFormat = 16;
    constexpr int kMemoryLevel = 8;
    // zlib has a mistake with windows of 8 bits, so 9 is the least.
    const int bits = window_bits(size, 9, MAX_WBITS);
    const int memory = std::clamp(bits - 7, 1, kMemoryLevel);
    encoder->ready_ =
        ::deflateInit2(&encoder->stream_, level, Z_DEFLATED, bits + kGzipFormat, memory, Z_DEFAULT_STRATEGY) == Z_OK;
    if (!encoder->ready_) return nullptr;
    return encoder;
  }
  ~GzipEncoder() override {
    if (ready_) ::deflateEnd(&stream_);
  }

  bool write(std::string_view bytes, Step step, std::string& out) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    const int flush = step == Step::end ? Z_FINISH : step == Step::flush ? Z_SYNC_FLUSH : Z_NO_FLUSH;
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(chunk_.data());
      stream_.avail_out = static_cast<uInt>(chunk_.size());
      const int result = ::deflate(&stream_, flush);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return false;
      out.append(chunk_.data(), chunk_.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
    return true;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
  std::array<char, kChunk> chunk_;
};

class BrotliEncoder final : public Encoder {
 public:
  static std::unique_ptr<Encoder> make(int level, std::optional<uint64_t> size) {
    auto encoder = std::make_unique<BrotliEncoder>();
    encoder->state_ = ::BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
    if (encoder->state_ == nullptr) return nullptr;
    const auto set = [&](BrotliEncoderParameter parameter, int value) {
      ::BrotliEncoderSetParameter(encoder->state_, parameter, static_cast<uint32_t>(value));
    };
    set(BROTLI_PARAM_QUALITY, level);
    set(BROTLI_PARAM_LGWIN, window_bits(size, BROTLI_MIN_WINDOW_BITS, kLargestWindow));
    if (size) set(BROTLI_PARAM_SIZE_HINT, static_cast<int>(std::min<uint64_t>(*size, 1U << 30)));
    return encoder;
  }
  ~BrotliEncoder() override {
    if (state_ != nullptr) ::BrotliEncoderDestroyInstance(state_);
  }

  bool write(std::string_view bytes, Step step, std::string& out) override {
    const BrotliEncoderOperation operation = step == Step::end     ? BROTLI_OPERATION_FINISH
                                             : step == Step::flush ? BROTLI_OPERATION_FLUSH
                                                                   : BROTLI_OPERATION_PROCESS;
    // Left to itself the library collects half a megabyte and then works on all of it.
    while (bytes.size() > kSlice - unflushed_) {
      const std::string_view piece = bytes.substr(0, kSlice - unflushed_);
      if (!encode(piece, BROTLI_OPERATION_FLUSH, out)) return false;
      bytes.remove_prefix(piece.size());
    }
    const bool keeps = operation == BROTLI_OPERATION_PROCESS;
    if (!encode(bytes, operation, out)) return false;
    unflushed_ = keeps ? unflushed_ + bytes.size() : 0;
    return true;
  }

 private:
  bool encode(std::string_view bytes, BrotliEncoderOperation operation, std::string& out) {
    if (operation == BROTLI_OPERATION_FLUSH) unflushed_ = 0;
    const auto* next = reinterpret_cast<const uint8_t*>(bytes.data());
    size_t left = bytes.size();
    do {
      size_t none = 0;
      if (::BrotliEncoderCompressStream(state_, operation, &left, &next, &none, nullptr, nullptr) == BROTLI_FALSE) {
        return false;
      }
      size_t size = 0;
      const uint8_t* made = ::BrotliEncoderTakeOutput(state_, &size);
      out.append(reinterpret_cast<const char*>(made), size);
    } while (left > 0 || ::BrotliEncoderHasMoreOutput(state_) == BROTLI_TRUE);
    return true;
  }

  size_t unflushed_ = 0;  // bytes that the library has kept since it was flushed
  BrotliEncoderState* state_ = nullptr;
};

}  // namespace

std::unique_ptr<Encoder> make_encoder(Coding coding, const Levels& levels, std::optional<uint64_t> size) {
  if (coding == Coding::brotli) return BrotliEncoder::make(levels.brotli, size);
  return GzipEncoder::make(levels.gzip, size);
}

}  // namespace compression
