#include "http/date.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "http/text.hpp"

namespace askr::http {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 7> kWeekdays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                    "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr int64_t kDay = 86400;

// Takes fields off the front of a text; the first thing that does not fit makes all that follows fail.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  void literal(std::string_view expected) {
    if (rest_.substr(0, expected.size()) != expected) fail();
    skip(expected.size());
  }
  int number(size_t digits) {
    int value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (i >= rest_.size() || !is_digit(rest_[i])) return fail();
      value = value * 10 + (rest_[i] - '0');
    }
    skip(digits);
    return value;
  }
  // asctime pads the day with a space.
  int padded_day() {
    if (!rest_.empty() && rest_.front() == ' ') {
      skip(1);
      return number(1);
    }
    return number(2);
  }
  int month_name() {
    for (size_t i = 0; i < kMonths.size(); ++i) {
      if (rest_.substr(0, 3) != kMonths[i]) continue;
      skip(3);
      return static_cast<int>(i) + 1;
    }
    return fail();
  }
  [[nodiscard]] bool at_end() const { return !failed_ && rest_.empty(); }

 private:
  int fail() {
    failed_ = true;
    return 0;
  }
  void skip(size_t count) { rest_.remove_prefix(std::min(count, rest_.size())); }

  std::string_view rest_;
  bool failed_ = false;
};

struct Fields {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

void scan_time(Scanner& scanner, Fields& fields) {
  fields.hour = scanner.number(2);
  scanner.literal(":");
  fields.minute = scanner.number(2);
  scanner.literal(":");
  fields.second = scanner.number(2);
}

bool scan_fixdate(std::string_view text, Fields& fields) {  // 06 Nov 1994 08:49:37 GMT
  Scanner scanner(text);
  fields.day = scanner.number(2);
  scanner.literal(" ");
  fields.month = scanner.month_name();
  scanner.literal(" ");
  fields.year = scanner.number(4);
  scanner.literal(" ");
  scan_time(scanner, fields);
  scanner.literal(" GMT");
  return scanner.at_end();
}

bool scan_rfc850(std::string_view text, Fields& fields) {  // 06-Nov-94 08:49:37 GMT
  Scanner scanner(text);
  fields.day = scanner.number(2);
  scanner.literal("-");
  fields.month = scanner.month_name();
  scanner.literal("-");
  fields.year = scanner.number(2);
  scanner.literal(" ");
  scan_time(scanner, fields);
  scanner.literal(" GMT");
  return scanner.at_end();
}

bool scan_asctime(std::string_view text, Fields& fields) {  // Nov  6 08:49:37 1994
  Scanner scanner(text);
  fields.month = scanner.month_name();
  scanner.literal(" ");
  fields.day = scanner.padded_day();
  scanner.literal(" ");
  scan_time(scanner, fields);
  scanner.literal(" ");
  fields.year = scanner.number(4);
  return scanner.at_end();
}

std::optional<int64_t> to_seconds(const Fields& fields) {
  const year_month_day date{year{fields.year}, month{static_cast<unsigned>(fields.month)},
                            day{static_cast<unsigned>(fields.day)}};
  // 60 is a leap second.
  if (!date.ok() || fields.hour > 23 || fields.minute > 59 || fields.second > 60) return std::nullopt;
  const int64_t midnight = int64_t{sys_days{date}.time_since_epoch().count()} * kDay;
  return midnight + int64_t{fields.hour} * 3600 + int64_t{fields.minute} * 60 + fields.second;
}

std::optional<int64_t> in_nearest_century(Fields fields, int64_t now) {
  constexpr int64_t kFiftyYears = 18263 * kDay;
  fields.year += 2000;
  std::optional<int64_t> seconds = to_seconds(fields);
  if (seconds && *seconds <= now + kFiftyYears) return seconds;
  fields.year -= 100;
  return to_seconds(fields);
}

void put(std::string& out, size_t at, int number, size_t digits) {
  for (size_t i = digits; i-- > 0; number /= 10) out[at + i] = static_cast<char>('0' + number % 10);
}

}  // namespace

std::string format_date(int64_t seconds) {
  const int64_t day_count = seconds >= 0 ? seconds / kDay : (seconds - kDay + 1) / kDay;
  const auto in_day = static_cast<int>(seconds - day_count * kDay);
  const sys_days date{days{day_count}};
  const year_month_day parts{date};
  std::string out = "Sun, 00 Jan 0000 00:00:00 GMT";
  out.replace(0, 3, kWeekdays[std::chrono::weekday{date}.c_encoding()].substr(0, 3));
  put(out, 5, static_cast<int>(static_cast<unsigned>(parts.day())), 2);
  out.replace(8, 3, kMonths[static_cast<unsigned>(parts.month()) - 1]);
  put(out, 12, static_cast<int>(parts.year()), 4);
  put(out, 17, in_day / 3600, 2);
  put(out, 20, in_day / 60 % 60, 2);
  put(out, 23, in_day % 60, 2);
  return out;
}

std::optional<int64_t> parse_date(std::string_view text, int64_t now) {
  Fields fields;
  for (const std::string_view weekday : kWeekdays) {
    if (text.substr(0, 3) != weekday.substr(0, 3)) continue;
    if (text.substr(3, 2) == ", " && scan_fixdate(text.substr(5), fields)) return to_seconds(fields);
    if (text.substr(3, 1) == " " && scan_asctime(text.substr(4), fields)) return to_seconds(fields);
    const bool long_name = text.starts_with(weekday) && text.substr(weekday.size(), 2) == ", ";
    if (long_name && scan_rfc850(text.substr(weekday.size() + 2), fields)) return in_nearest_century(fields, now);
  }
  return std::nullopt;
}

}  // namespace askr::http
