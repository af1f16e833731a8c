// For programs that read along: TeamCity's service messages, JSON lines, GitHub's annotations.
#include <fmt/core.h>

#include <cstdio>

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "testing/reporter.hpp"

namespace askr::testing {
namespace {

using nlohmann::json;

std::string escape_for_teamcity(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '|':
      case '\'':
      case '[':
      case ']':
        out += '|';
        out += c;
        break;
      case '\n':
        out += "|n";
        break;
      case '\r':
        out += "|r";
        break;
      default:
        out += c;
    }
  }
  return out;
}

class TeamCityReporter final : public Reporter {
 public:
  void begin(const RunFacts& facts) override { fmt::print("##teamcity[testCount count='{}']\n", facts.tests); }

  void add(const TestResult& result) override {
    const std::string name = escape_for_teamcity(result.class_name() + "::" + result.display_name());
    fmt::print("##teamcity[testStarted name='{}' locationHint='php_qn://{}::\\{}']\n", name,
               escape_for_teamcity(result.file),
               escape_for_teamcity(result.class_name() + "::" + result.display_name()));
    if (!result.output.empty()) {
      fmt::print("##teamcity[testStdOut name='{}' out='{}']\n", name, escape_for_teamcity(result.output));
    }
    if (result.is_bad()) {
      fmt::print("##teamcity[testFailed name='{}' message='{}' details='{}']\n", name,
                 escape_for_teamcity(result.message), escape_for_teamcity(result.trace));
    }
    if (result.status == Status::skipped || result.status == Status::incomplete) {
      fmt::print("##teamcity[testIgnored name='{}' message='{}']\n", name, escape_for_teamcity(result.message));
    }
    fmt::print("##teamcity[testFinished name='{}' duration='{:.0f}']\n", name, result.seconds * 1000);
    std::fflush(stdout);
  }

  void end(const std::vector<TestResult>& /*results*/, const Totals& /*totals*/, bool /*interrupted*/) override {}
};

class JsonReporter final : public Reporter {
 public:
  void begin(const RunFacts& facts) override {
    print({{"event", "begin"},
           {"runner", facts.runner},
           {"tests", facts.tests},
           {"files", facts.files},
           {"processes", facts.processes}});
  }

  void add(const TestResult& result) override {
    json line = {{"event", "test"},
                 {"id", result.id},
                 {"status", status_name(result.status)},
                 {"seconds", result.seconds},
                 {"file", result.file},
                 {"line", result.line},
                 {"assertions", result.assertions},
                 {"flaky", result.flaky},
                 {"issues", result.issues}};
    if (!result.message.empty()) line["message"] = result.message;
    if (!result.type.empty()) line["type"] = result.type;
    if (!result.trace.empty()) line["trace"] = result.trace;
    if (!result.output.empty()) line["output"] = result.output;
    print(line);
  }

  void end(const std::vector<TestResult>& /*results*/, const Totals& totals, bool interrupted) override {
    print({{"event", "end"},
           {"tests", totals.tests},
           {"assertions", totals.assertions},
           {"failed", totals.failed},
           {"errors", totals.errors},
           {"skipped", totals.skipped},
           {"incomplete", totals.incomplete},
           {"flaky", totals.flaky},
           {"seconds", totals.seconds},
           {"interrupted", interrupted}});
  }

 private:
  static void print(const json& line) {
    const std::string text = json_text(line) + "\n";
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }
};

std::string escape_for_github(const std::string& text, std::string_view also) {
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '\n' || c == '\r' || also.find(c) != std::string_view::npos) {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

class GitHubReporter final : public Reporter {
 public:
  explicit GitHubReporter(const TestOptions& options) : root_(options.root + "/") {}

  void add(const TestResult& result) override {
    if (!result.is_bad()) return;
    const std::string file = result.file.starts_with(root_) ? result.file.substr(root_.size()) : result.file;
    fmt::print("::error file={},line={},title={}::{}\n", escape_for_github(file, ",:"), result.line,
               escape_for_github(result.class_name() + "::" + result.display_name(), ",:"),
               escape_for_github(result.message, ""));
  }

  void end(const std::vector<TestResult>& /*results*/, const Totals& /*totals*/, bool /*interrupted*/) override {}

 private:
  std::string root_;
};

}  // namespace

std::unique_ptr<Reporter> make_teamcity_reporter() {
  return std::make_unique<TeamCityReporter>();
}

std::unique_ptr<Reporter> make_json_reporter() {
  return std::make_unique<JsonReporter>();
}

std::unique_ptr<Reporter> make_github_reporter(const TestOptions& options) {
  return std::make_unique<GitHubReporter>(options);
}

}  // namespace askr::testing
