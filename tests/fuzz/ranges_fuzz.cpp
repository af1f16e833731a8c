// Range fields for representations of all sizes (the first eight bytes): what comes out lies inside, apart from each
// other, and is never more than the whole.
#include <cstdint>
#include <cstring>
#include <string_view>

#include "http/ranges.hpp"
#include "require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint64_t length = 0;
  if (size < sizeof length) return 0;
  std::memcpy(&length, data, sizeof length);
  const std::string_view field(reinterpret_cast<const char*>(data) + sizeof length, size - sizeof length);

  using namespace askr::http;
  const RangeRequest request = parse_ranges(field, length);
  ASKR_REQUIRE((request.outcome == RangeOutcome::partial) == !request.ranges.empty());
  ASKR_REQUIRE(request.ranges.size() <= kMaxRanges);
  for (const ByteRange& range : request.ranges) {
    ASKR_REQUIRE(range.size > 0 && range.first < length && range.size <= length - range.first);
    for (const ByteRange& other : request.ranges) {
      if (&other == &range) continue;
      ASKR_REQUIRE(other.first < range.first || other.first - range.first >= range.size);
    }
  }
  return 0;
}
