// The Range field (RFC 9110 section 14).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace askr::http {

struct ByteRange {
  uint64_t first = 0;
  uint64_t size = 0;  // never 0
};

enum class RangeOutcome : uint8_t {
  whole,          // answer 200: no range, one that is malformed, of another unit, asks for too many pieces, or for an
                  // empty representation from its start, as players and download managers do
  partial,        // answer 206 with `ranges`
  unsatisfiable,  // answer 416
};

struct RangeRequest {
  RangeOutcome outcome = RangeOutcome::whole;
  std::vector<ByteRange> ranges;  // disjoint and inside the representation, in the order they were asked for
};

// `field` is the value of Range (empty: none), `size` the length of the representation. Ranges that overlap or nearly
// touch become one, so the answer is never longer than the representation and its part headers (kMaxRanges).
RangeRequest parse_ranges(std::string_view field, uint64_t size);

inline constexpr unsigned kMaxRanges = 32;

// "bytes 0-9/100"
std::string content_range(const ByteRange& range, uint64_t size);

}  // namespace askr::http
