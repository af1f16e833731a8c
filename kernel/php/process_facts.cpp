#include "php/process_facts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "php/address_space.hpp"

namespace askr::php {
namespace {

// Of the fields behind the name of the program, which may contain anything; the numbers are those of proc(5).
constexpr size_t kFirst = 3;
constexpr size_t kFields = 32;
using Fields = std::array<int64_t, kFields>;

bool parse(std::string_view text, Fields& fields) {
  text.remove_prefix(std::min(text.rfind(')') + 4, text.size()));  // ") S "
  for (size_t index = 1; index < kFields; ++index) {
    const char* end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data(), end, fields[index]);
    const bool is_too_large = failed == std::errc::result_out_of_range;  // a limit, which nobody asks for
    if (failed != std::errc{} && !is_too_large) return false;
    text.remove_prefix(std::min<size_t>(static_cast<size_t>(rest - text.data()) + 1, text.size()));
  }
  return true;
}

}  // namespace

bool read_process_facts(int fd, ProcessFacts& facts) {
  std::array<char, 1024> buffer;
  Fields fields;
  const size_t size = read_at(fd, buffer.data(), buffer.size(), 0);
  if (!parse({buffer.data(), size}, fields)) return false;
  const auto field = [&fields](size_t number) { return fields[number - kFirst]; };
  facts.marks = {field(5), field(6), field(19), static_cast<uint64_t>(field(33)), static_cast<uint64_t>(field(34))};
  facts.threads = field(20);
  facts.faults = static_cast<uint64_t>(field(10) + field(12));
  facts.space = static_cast<uint64_t>(field(23));
  return true;
}

}  // namespace askr::php
