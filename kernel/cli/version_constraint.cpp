#include "cli/version_constraint.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "config/values.hpp"

namespace askr::cli {
namespace {

using Numbers = std::array<unsigned, 3>;

struct Version {
  Numbers numbers{};
  size_t given = 0;      // how many of them were written
  bool is_open = false;  // "8.1.*"
};

struct Range {
  Numbers from{};
  Numbers to{UINT32_MAX, 0, 0};  // not in it
  bool negated = false;
};

std::optional<Version> read_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  text = text.substr(0, text.find_first_of("-@+"));
  Version version;
  for (; !text.empty(); ++version.given) {
    if (text == "*" || text == "x") {
      version.is_open = true;
      return version;
    }
    if (version.given == version.numbers.size()) return version;  // a fourth number is none of PHP's
    unsigned& number = version.numbers[version.given];
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(parsed.ptr - text.data()));
    if (text.empty()) continue;
    if (text.front() != '.') return std::nullopt;
    text.remove_prefix(1);
    if (text.empty()) return std::nullopt;
  }
  if (version.given == 0) return std::nullopt;
  return version;
}

// The first version that has another number at `place`.
Numbers after(Numbers numbers, size_t place) {
  ++numbers[place];
  std::fill(numbers.begin() + static_cast<ptrdiff_t>(place) + 1, numbers.end(), 0U);
  return numbers;
}

size_t last_place(const Version& version) {
  return std::max<size_t>(version.given, 1) - 1;
}

Range range_of(std::string_view operation, const Version& version) {
  const Numbers& numbers = version.numbers;
  const Numbers next = after(numbers, 2);
  if (operation == ">=") return {numbers};
  if (operation == ">") return {next};
  if (operation == "<") return {{}, numbers};
  if (operation == "<=") return {{}, next};
  if (operation == "^") return {numbers, after(numbers, 0)};
  if (operation == "~") return {numbers, after(numbers, version.given >= 3 ? 1 : 0)};
  if (version.is_open && version.given == 0) return {};
  if (version.is_open) return {numbers, after(numbers, last_place(version))};
  Range exact{numbers, next};
  exact.negated = operation == "!=" || operation == "<>";
  return exact;
}

bool is_in(const Numbers& version, const Range& range) {
  return (version >= range.from && version < range.to) != range.negated;
}

std::string_view read_operation(std::string_view& text) {
  for (const std::string_view operation : {">=", "<=", "!=", "<>", "==", ">", "<", "=", "^", "~"}) {
    if (!text.starts_with(operation)) continue;
    text.remove_prefix(operation.size());
    return operation;
  }
  return "=";
}

// "7.4 - 8.3": the upper end with all that it begins.
std::optional<std::vector<Range>> read_hyphenated(const std::vector<std::string>& words) {
  if (words.size() != 3 || words[1] != "-") return std::nullopt;
  const auto from = read_version(words[0]);
  const auto to = read_version(words[2]);
  if (!from || !to) return std::nullopt;
  return std::vector<Range>{{from->numbers, after(to->numbers, last_place(*to))}};
}

std::vector<std::string> words_of(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), ',', ' ');
  std::vector<std::string> words;
  for (std::string& word : config::split_list(spaced, ' ')) {
    const bool is_bare_operation = !words.empty() && words.back().find_first_not_of("<>=!^~") == std::string::npos;
    if (is_bare_operation) {
      words.back() += word;
    } else {
      words.push_back(std::move(word));
    }
  }
  return words;
}

// What is between two "||": all of it has to hold.
std::optional<std::vector<Range>> read_all(std::string_view text) {
  const std::vector<std::string> words = words_of(text);
  if (auto hyphenated = read_hyphenated(words)) return hyphenated;
  std::vector<Range> ranges;
  for (std::string_view word : words) {
    const std::string_view operation = read_operation(word);
    const auto version = read_version(word);
    if (!version) return std::nullopt;
    ranges.push_back(range_of(operation, *version));
  }
  if (ranges.empty()) return std::nullopt;
  return ranges;
}

}  // namespace

Fit fits(std::string_view version, std::string_view constraint) {
  const auto own = read_version(version);
  if (!own) return Fit::unknown;
  for (const std::string& either : config::split_list(constraint, '|')) {  // "||" as well: empty pieces are left out
    const auto ranges = read_all(either);
    if (!ranges) return Fit::unknown;
    const auto holds = [&own](const Range& range) { return is_in(own->numbers, range); };
    if (std::all_of(ranges->begin(), ranges->end(), holds)) return Fit::yes;
  }
  return Fit::no;
}

}  // namespace askr::cli
