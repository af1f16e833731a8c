// Who tells of a run while it goes on. One for each form; several can listen.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "testing/options.hpp"
#include "testing/result.hpp"

namespace askr::testing {

struct Totals {
  size_t tests = 0, assertions = 0, failed = 0, errors = 0, skipped = 0, incomplete = 0, flaky = 0;
  size_t risky = 0, warnings = 0, notices = 0, deprecations = 0;
  double seconds = 0;
};

struct RunFacts {
  std::string runner;  // "PHPUnit 11.5.1"
  size_t tests = 0, files = 0;
  unsigned processes = 0;
  std::string again;  // how to run one test alone, with {} for its file and {} for a filter
};

class Reporter {
 public:
  virtual ~Reporter() = default;
  virtual void begin(const RunFacts& /*facts*/) {}
  virtual void add(const TestResult& result) = 0;
  // `interrupted`: not all has run.
  virtual void end(const std::vector<TestResult>& results, const Totals& totals, bool interrupted) = 0;
};

std::unique_ptr<Reporter> make_plain_reporter(const TestOptions& options);
std::unique_ptr<Reporter> make_teamcity_reporter();
std::unique_ptr<Reporter> make_json_reporter();
std::unique_ptr<Reporter> make_github_reporter(const TestOptions& options);

// As PHPUnit writes it. Error: it cannot be written; nothing is there then.
Result<> write_junit(const std::string& file, const std::vector<TestResult>& results);

}  // namespace askr::testing
