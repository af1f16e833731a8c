// The types a setting can have, between text and value. The same text means the same in a flag, in the environment and
// in a string of askr.toml. Errors read "expected ..., got ..." and leave it to the caller to say where.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/settings.hpp"

namespace askr::config {

// Decimal digits only, up to 2^63 - 1.
Result<uint64_t> parse_number(std::string_view text);

// Bytes: digits with an optional K, M, G or T (powers of 1024, either case).
Result<uint64_t> parse_size(std::string_view text);

// Nanoseconds: a number (a decimal point is fine) with us, ms, s, m, h or d; a bare number is seconds.
Result<int64_t> parse_duration(std::string_view text);

// Access rights in octal, "0660" or "660"; at most 0777.
Result<unsigned> parse_mode(std::string_view text);

// "host:port", "[v6]:port" or "unix:PATH"; a relative PATH is left for the caller to resolve.
Result<ListenAddress> parse_address(std::string_view text);

// A numeric address, a CIDR block, or "unix"; returns it unchanged.
Result<std::string> parse_network(std::string_view text);

// One line of php.ini: a setting, a comment, a section, or nothing. What PHP makes of it is PHP's to judge.
Result<> check_ini_line(std::string_view line);

// Cuts at `separator`, trims white space and drops empty pieces.
std::vector<std::string> split_list(std::string_view text, char separator);

// The shortest text that parses to the same value: "16M", "60s".
std::string format_size(uint64_t bytes);
std::string format_duration(int64_t nanoseconds);
// "0660".
std::string format_mode(uint64_t mode);

}  // namespace askr::config
