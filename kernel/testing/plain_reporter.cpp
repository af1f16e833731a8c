// For people. On a terminal one line at the bottom says how far it is; elsewhere there is a line for each failure and a
// sum at the end.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "base/clock.hpp"
#include "testing/reporter.hpp"

namespace askr::testing {
namespace {

class PlainReporter final : public Reporter {
 public:
  explicit PlainReporter(const TestOptions& options) : options_(options), terminal_(::isatty(STDOUT_FILENO) != 0) {
    const char* no_color = std::getenv("NO_COLOR");
    colors_ = terminal_ && (no_color == nullptr || *no_color == '\0');
  }

  void begin(const RunFacts& facts) override {
    facts_ = facts;
    started_ = monotonic_now();
    const std::string runner = facts.runner.empty() ? "scripts" : facts.runner;
    fmt::print("askr test: {}, {} tests in {} files, {} process{}\n\n", runner, facts.tests, facts.files,
               facts.processes, facts.processes == 1 ? "" : "es");
    std::fflush(stdout);
  }

  void add(const TestResult& result) override {
    ++done_;
    if (result.is_bad()) {
      clear_line();
      print_failure(result);
    }
    if (terminal_) print_progress();
  }

  void end(const std::vector<TestResult>& results, const Totals& totals, bool interrupted) override {
    clear_line();
    if (options_.form == Form::testdox) print_testdox(results);
    print_flaky(results);
    print_slowest(results, totals);
    print_sum(totals, interrupted);
    std::fflush(stdout);
  }

 private:
  [[nodiscard]] std::string paint(int code, const std::string& text) const {
    return colors_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }

  void print_failure(const TestResult& result) const {
    const char* label = result.status == Status::failed ? "FAILED" : "ERROR ";
    fmt::print("{} {}::{}\n", paint(31, label), result.class_name(), result.display_name());
    print_indented(result.message);
    print_indented(result.trace);
    if (!result.output.empty()) {
      fmt::print("    printed:\n");
      print_indented(result.output);
    }
    if (!facts_.again.empty())
      fmt::print("    again: {} {} --filter '{}'\n", facts_.again, result.file, filter_of(result));
    fmt::print("\n");
    std::fflush(stdout);
  }

  static std::string filter_of(const TestResult& result) {
    std::string name = result.display_name();
    std::string pattern = "/::";
    for (const char c : name) {
      if (std::string_view(".\\+*?[^]$(){}=!<>|:-#/").find(c) != std::string_view::npos) pattern += '\\';
      if (c == '\'') {
        pattern += '.';
      } else {
        pattern += c;
      }
    }
    return pattern + "$/";
  }

  static void print_indented(const std::string& text) {
    size_t at = 0;
    while (at < text.size()) {
      const size_t end = std::min(text.find('\n', at), text.size());
      fmt::print("    {}\n", text.substr(at, end - at));
      at = end + 1;
    }
  }

  void clear_line() {
    if (!terminal_ || !line_open_) return;
    fmt::print("\r\x1b[K");
    line_open_ = false;
  }

  void print_progress() {
    const int64_t now = monotonic_now();
    if (now - printed_ < 50 * kMillisecond && done_ < facts_.tests) return;
    printed_ = now;
    constexpr size_t kWidth = 30;
    const size_t all = std::max<size_t>(facts_.tests, 1);
    const size_t filled = std::min(kWidth, done_ * kWidth / all);
    const double spent = static_cast<double>(now - started_) / kSecond;
    const double left =
        done_ > 0 ? spent / static_cast<double>(done_) * static_cast<double>(all - std::min(all, done_)) : 0;
    fmt::print("\r\x1b[K[{}{}] {}/{}, {:.0f} s left", std::string(filled, '='), std::string(kWidth - filled, ' '),
               done_, all, left);
    std::fflush(stdout);
    line_open_ = true;
  }

  static void print_testdox(const std::vector<TestResult>& results) {
    std::map<std::string, std::vector<const TestResult*>> classes;
    for (const TestResult& result : results) classes[result.class_name()].push_back(&result);
    for (const auto& [name, tests] : classes) {
      fmt::print("{}\n", name);
      for (const TestResult* test : tests) {
        const char* mark = test->is_bad() ? "✘" : test->status == Status::passed ? "✔" : "↩";
        fmt::print(" {} {}\n", mark, words_of(test->display_name()));
      }
      fmt::print("\n");
    }
  }

  // "testItAddsNumbers" as "It adds numbers"
  static std::string words_of(std::string name) {
    if (name.starts_with("test")) name.erase(0, 4);
    if (name.starts_with("_")) name.erase(0, 1);
    std::string out;
    for (const char c : name) {
      const bool upper = c >= 'A' && c <= 'Z';
      if (upper && !out.empty() && out.back() != ' ') out += ' ';
      out += c == '_' ? ' ' : upper && !out.empty() ? static_cast<char>(c + 32) : c;
    }
    return out;
  }

  static void print_flaky(const std::vector<TestResult>& results) {
    for (const TestResult& result : results) {
      if (result.flaky)
        fmt::print("FLAKY  {}::{} passed when it was tried again\n", result.class_name(), result.display_name());
    }
  }

  void print_slowest(const std::vector<TestResult>& results, const Totals& totals) const {
    if (!terminal_ || totals.seconds < 2) return;
    std::vector<const TestResult*> slow;
    for (const TestResult& result : results) {
      if (result.seconds >= 0.5) slow.push_back(&result);
    }
    std::sort(slow.begin(), slow.end(), [](auto* one, auto* other) { return one->seconds > other->seconds; });
    if (slow.size() > 5) slow.resize(5);
    for (const TestResult* test : slow) {
      fmt::print("{:7.2f} s {}::{}\n", test->seconds, test->class_name(), test->display_name());
    }
  }

  void print_sum(const Totals& totals, bool interrupted) const {
    const bool bad = totals.failed + totals.errors > 0;
    std::string sum = fmt::format("{}: {} tests, {} assertions",
                                  interrupted ? "INTERRUPTED"
                                  : bad       ? "FAILED"
                                              : "OK",
                                  totals.tests, totals.assertions);
    const auto add = [&sum](size_t count, const char* what) {
      if (count > 0) sum += fmt::format(", {} {}", count, what);
    };
    add(totals.failed, "failed");
    add(totals.errors, "errors");
    add(totals.skipped, "skipped");
    add(totals.incomplete, "incomplete");
    add(totals.risky, "risky");
    add(totals.warnings, "warnings");
    add(totals.deprecations, "deprecations");
    add(totals.notices, "notices");
    add(totals.flaky, "flaky");
    fmt::print("{} in {:.2f} s\n", paint(bad || interrupted ? 31 : 32, sum), totals.seconds);
  }

  const TestOptions& options_;
  RunFacts facts_;
  bool terminal_ = false, colors_ = false, line_open_ = false;
  size_t done_ = 0;
  int64_t started_ = 0, printed_ = 0;
};

}  // namespace

std::unique_ptr<Reporter> make_plain_reporter(const TestOptions& options) {
  return std::make_unique<PlainReporter>(options);
}

}  // namespace askr::testing
