#include "http/ranges.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "http/text.hpp"

namespace askr::http {
namespace {

// About what a part header costs: closer ranges are cheaper as one.
constexpr uint64_t kGap = 80;

// All digits, or nothing. A number beyond 64 bits is beyond every representation too.
std::optional<uint64_t> parse_position(std::string_view text) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    value = value > (kMax - digit) / 10 ? kMax : value * 10 + digit;
  }
  return value;
}

enum class Piece : uint8_t { taken, outside, all_of_nothing, malformed };

// "5-9", "5-" or "-5".
Piece parse_piece(std::string_view text, uint64_t size, ByteRange& range) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return Piece::malformed;
  const std::string_view left = text.substr(0, dash);
  const std::optional<uint64_t> right = parse_position(text.substr(dash + 1));
  const bool is_open = dash + 1 == text.size();
  if (!right && !is_open) return Piece::malformed;
  if (left.empty()) {
    if (!right) return Piece::malformed;
    if (size == 0) return Piece::all_of_nothing;
    const uint64_t count = std::min(*right, size);
    if (count == 0) return Piece::outside;
    range = {size - count, count};
    return Piece::taken;
  }
  const std::optional<uint64_t> first = parse_position(left);
  if (!first || (right && *right < *first)) return Piece::malformed;
  if (*first >= size) return *first == 0 ? Piece::all_of_nothing : Piece::outside;
  const uint64_t last = is_open ? size - 1 : std::min(*right, size - 1);
  range = {*first, last - *first + 1};
  return Piece::taken;
}

bool nearly_touch(const ByteRange& a, const ByteRange& b) {
  const ByteRange& low = a.first <= b.first ? a : b;
  const ByteRange& high = a.first <= b.first ? b : a;
  const uint64_t distance = high.first - low.first;
  return distance <= low.size || distance - low.size <= kGap;
}

ByteRange united(const ByteRange& a, const ByteRange& b) {
  const uint64_t first = std::min(a.first, b.first);
  return {first, std::max(a.first + a.size, b.first + b.size) - first};
}

// Puts the range where the first one stands that it touches. Having grown, it may touch others: they are taken out and
// it begins again.
void add(std::vector<ByteRange>& ranges, ByteRange range) {
  size_t place = ranges.size();
  for (size_t i = 0; i < ranges.size();) {
    if (!nearly_touch(range, ranges[i])) {
      ++i;
      continue;
    }
    range = united(range, ranges[i]);
    place = std::min(place, i);
    ranges.erase(ranges.begin() + static_cast<ptrdiff_t>(i));
    i = 0;
  }
  ranges.insert(ranges.begin() + static_cast<ptrdiff_t>(std::min(place, ranges.size())), range);
}

}  // namespace

RangeRequest parse_ranges(std::string_view field, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!equals_ignoring_case(field.substr(0, kUnit.size()), kUnit)) return {};
  RangeRequest request;
  unsigned count = 0;
  std::string_view list = field.substr(kUnit.size());
  std::string_view text;
  while (next_element(list, text)) {
    ByteRange range;
    const Piece piece = parse_piece(text, size, range);
    if (piece == Piece::malformed || piece == Piece::all_of_nothing || ++count > kMaxRanges) return {};
    if (piece == Piece::taken) add(request.ranges, range);
  }
  if (count == 0) return {};
  request.outcome = request.ranges.empty() ? RangeOutcome::unsatisfiable : RangeOutcome::partial;
  return request;
}

std::string content_range(const ByteRange& range, uint64_t size) {
  return "bytes " + std::to_string(range.first) + '-' + std::to_string(range.first + range.size - 1) + '/' +
         std::to_string(size);
}

}  // namespace askr::http
