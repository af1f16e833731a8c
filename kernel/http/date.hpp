// Dates of HTTP (RFC 9110 section 5.6.7), always in GMT.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace askr::http {

// "Sun, 06 Nov 1994 08:49:37 GMT" for seconds since 1970.
std::string format_date(int64_t seconds);

// Reads that form and the two old ones, "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994".
// The name of the weekday has to be one, but need not be the right one. `now` decides about the century of a year with
// two digits: a date that would be more than 50 years ahead is in the past.
std::optional<int64_t> parse_date(std::string_view text, int64_t now);

}  // namespace askr::http
