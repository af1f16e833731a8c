#include "config/values.hpp"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "config/quote.hpp"

namespace askr::config {
namespace {

constexpr uint64_t kLargest = std::numeric_limits<int64_t>::max();

Error expected(std::string_view what, std::string_view got) {
  return usage_error(fmt::format("expected {}, got {}", what, quote(got)));
}

// The whole text as digits; false for anything else.
bool read_digits(std::string_view text, uint64_t& out) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out <= kLargest;
}

unsigned size_shift(char suffix) {
  switch (suffix) {
    case 'K':
    case 'k':
      return 10;
    case 'M':
    case 'm':
      return 20;
    case 'G':
    case 'g':
      return 30;
    case 'T':
    case 't':
      return 40;
    default:
      return 0;
  }
}

struct DurationUnit {
  std::string_view name;
  int64_t nanoseconds;
};

// Longest unit first: formatting takes the first that divides.
constexpr DurationUnit kDurationUnits[] = {{"d", 86400 * kSecond}, {"h", 3600 * kSecond}, {"m", 60 * kSecond},
                                           {"s", kSecond},         {"ms", kMillisecond},  {"us", kMicrosecond}};

int64_t unit_of(std::string_view name) {
  if (name.empty()) return kSecond;
  for (const DurationUnit& unit : kDurationUnits) {
    if (unit.name == name) return unit.nanoseconds;
  }
  return 0;
}

bool read_port(std::string_view text, uint16_t& port) {
  uint64_t number = 0;
  if (!read_digits(text, number) || number == 0 || number > 65535) return false;
  port = static_cast<uint16_t>(number);
  return true;
}

bool is_host_name(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

// A link-local address may name its interface: fe80::1%eth0.
bool is_v6_address(std::string_view host) {
  const size_t percent = host.find('%');
  const std::string address(host.substr(0, percent));
  in6_addr ignored{};
  if (inet_pton(AF_INET6, address.c_str(), &ignored) != 1 || address.find('\0') != std::string::npos) return false;
  return percent == std::string_view::npos || (percent + 1 < host.size() && is_host_name(host.substr(percent + 1)));
}

// Cuts "host:port" or "[v6]:port" at its port; false when there is none.
bool split_port(std::string_view text, std::string_view& host, std::string_view& port) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  host = text.substr(0, colon);
  port = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed) return is_host_name(host);
  host = host.substr(1, host.size() - 2);
  return is_v6_address(host);
}

// What is wrong with an address, where that can be told.
std::string address_meant(std::string_view text) {
  const std::string_view number = text.substr(text.rfind(':') + 1);  // of npos: all of it
  uint64_t port = 0;
  if (!read_digits(number, port)) return {};
  if (port == 0 || port > 65535) return "; ports are numbers from 1 to 65535";
  if (number.size() < text.size()) return {};
  return fmt::format("; did you mean 127.0.0.1:{}, or 0.0.0.0:{} for all who can reach this machine?", port, port);
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

Result<uint64_t> parse_number(std::string_view text) {
  uint64_t number = 0;
  if (!read_digits(text, number)) return expected("a number", text);
  return number;
}

Result<uint64_t> parse_size(std::string_view text) {
  const unsigned shift = text.empty() ? 0 : size_shift(text.back());
  uint64_t number = 0;
  if (!read_digits(text.substr(0, text.size() - (shift ? 1 : 0)), number) || number > (kLargest >> shift)) {
    return expected("a size such as 16M, 512K or 1000000", text);
  }
  return number << shift;
}

Result<int64_t> parse_duration(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const int64_t unit = unit_of(text.substr(digits));
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number, std::chars_format::fixed);
  const bool valid = digits > 0 && text[0] != '.' && unit != 0 && error == std::errc() && end == text.data() + digits;
  // A hundred years is more than any timer needs and stays far from overflow.
  if (!valid || number * static_cast<double>(unit) > 36525.0 * 86400 * kSecond) {
    return expected("a duration such as 60s, 500ms or 2m", text);
  }
  const double microseconds = std::round(number * static_cast<double>(unit) / kMicrosecond);
  return static_cast<int64_t>(microseconds) * kMicrosecond;
}

Result<unsigned> parse_mode(std::string_view text) {
  unsigned mode = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, mode, 8);
  if (parsed.ec != std::errc() || parsed.ptr != end || mode > 0777) {
    return expected("access rights in octal such as 0660", text);
  }
  return mode;
}

Result<ListenAddress> parse_address(std::string_view text) {
  ListenAddress address;
  if (text.starts_with("unix:")) {
    address.unix_path = text.substr(5);
    if (address.unix_path.empty() || address.unix_path.find('\0') != std::string::npos) {
      return expected("unix:PATH", text);
    }
    return address;
  }
  std::string_view host, port;
  if (!split_port(text, host, port) || !read_port(port, address.port)) {
    return usage_error(expected("host:port, [::1]:port or unix:/path", text).message + address_meant(text));
  }
  address.host = host;
  return address;
}

Result<std::string> parse_network(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  in6_addr ignored{};
  uint64_t largest = 0;
  if (inet_pton(AF_INET, address.c_str(), &ignored) == 1) largest = 32;
  if (inet_pton(AF_INET6, address.c_str(), &ignored) == 1) largest = 128;
  uint64_t bits = 0;
  const bool valid_bits =
      slash == std::string_view::npos || (read_digits(text.substr(slash + 1), bits) && bits <= largest);
  if (text != "unix" && (largest == 0 || !valid_bits || address.find('\0') != std::string::npos)) {
    return expected("an address, a block such as 10.0.0.0/8, or unix", text);
  }
  return std::string(text);
}

Result<> check_ini_line(std::string_view line) {
  const std::string_view content = trim(line);
  const bool sets_nothing = content.empty() || content[0] == ';' || content[0] == '[';
  const bool sets = !content.empty() && content[0] != '=' && content.find('=') != std::string_view::npos;
  if ((sets_nothing || sets) && line.find('\n') == std::string_view::npos) return ok();
  return expected("one line of the form name=value", line);
}

std::vector<std::string> split_list(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  while (true) {
    const size_t cut = text.find(separator);
    const std::string_view piece = trim(text.substr(0, cut));
    if (!piece.empty()) pieces.emplace_back(piece);
    if (cut == std::string_view::npos) return pieces;
    text.remove_prefix(cut + 1);
  }
}

std::string format_size(uint64_t bytes) {
  constexpr std::string_view kSuffixes = "TGMK";
  for (unsigned i = 0; i < kSuffixes.size(); ++i) {
    const unsigned shift = 40 - 10 * i;
    if (bytes != 0 && bytes % (1ULL << shift) == 0) return fmt::format("{}{}", bytes >> shift, kSuffixes[i]);
  }
  return fmt::format("{}", bytes);
}

std::string format_duration(int64_t nanoseconds) {
  for (const DurationUnit& unit : kDurationUnits) {
    // "60s" reads better than "1m": a unit is taken from two of it on.
    const bool enough = nanoseconds >= 2 * unit.nanoseconds || unit.nanoseconds <= kSecond;
    if (nanoseconds != 0 && enough && nanoseconds % unit.nanoseconds == 0) {
      return fmt::format("{}{}", nanoseconds / unit.nanoseconds, unit.name);
    }
  }
  return nanoseconds == 0 ? "0s" : fmt::format("{}us", nanoseconds / kMicrosecond);
}

std::string format_mode(uint64_t mode) {
  return fmt::format("0{:03o}", mode);
}

}  // namespace askr::config
