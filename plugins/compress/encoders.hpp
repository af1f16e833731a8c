// Encoders of one body: gzip by zlib, brotli by its library.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "negotiation.hpp"

namespace compression {

struct Levels {
  int gzip = 5;
  int brotli = 4;
};

// What an encoder does with so many bytes takes some tenths of a millisecond at the usual levels.
inline constexpr size_t kSlice = 16U << 10;

enum class Step : uint8_t {
  more,   // keep back what compresses better together
  flush,  // what was written so far can be decoded from the output
  end,
};

class Encoder {
 public:
  Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  virtual ~Encoder() = default;
  // Appends to `out`. The work for all bytes but the last kSlice is done when it returns. False: the library has
  // failed, which means that memory is short.
  virtual bool write(std::string_view bytes, Step step, std::string& out) = 0;
};

// `size`: of the whole body when it is known; a small one needs no large window. nullptr: no memory.
std::unique_ptr<Encoder> make_encoder(Coding coding, const Levels& levels, std::optional<uint64_t> size);

}  // namespace compression
