#include "testing/run.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/clock.hpp"
#include "testing/coordinator.hpp"
#include "testing/reporter.hpp"

namespace askr::testing {
namespace {

namespace fs = std::filesystem;

// What is kept of a project from run to run.
std::string file_of(const TestOptions& options, std::string_view what) {
  return fmt::format("{}/{}-{:016x}.json", options.cache, what, std::hash<std::string>{}(options.root));
}

bool is_test_script(const fs::path& path) {
  return path.filename().string().ends_with("Test.php");
}

// Without a runner: the files that are named, and what ends in Test.php below the folders.
Result<Plan> find_scripts(const TestOptions& options) {
  std::vector<std::string> found;
  for (const std::string& path : options.paths.empty() ? std::vector<std::string>{options.root} : options.paths) {
    std::error_code failed;
    if (fs::is_regular_file(path, failed)) {
      found.push_back(path);
      continue;
    }
    if (!fs::is_directory(path, failed)) return usage_error("no such file or folder: " + path);
    for (auto at = fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied, failed);
         at != fs::recursive_directory_iterator(); at.increment(failed)) {
      if (failed) break;
      if (at->is_directory(failed) && at->path().filename() == "vendor") at.disable_recursion_pending();
      if (is_test_script(at->path())) found.push_back(at->path().string());
    }
  }
  std::sort(found.begin(), found.end());
  Plan plan;
  for (const std::string& file : found) plan.files.push_back({file, {{file, true, {{file, file}}}}});
  return plan;
}

Totals sum_up(const std::vector<TestResult>& results) {
  Totals totals;
  for (const TestResult& result : results) {
    ++totals.tests;
    totals.assertions += result.assertions;
    totals.flaky += result.flaky ? 1 : 0;
    switch (result.status) {
      case Status::passed:
        break;
      case Status::failed:
        ++totals.failed;
        break;
      case Status::error:
        ++totals.errors;
        break;
      case Status::skipped:
        ++totals.skipped;
        break;
      case Status::incomplete:
        ++totals.incomplete;
        break;
    }
    for (const std::string& issue : result.issues) {
      if (issue == "risky") ++totals.risky;
      if (issue == "warning") ++totals.warnings;
      if (issue == "deprecation") ++totals.deprecations;
      if (issue == "notice") ++totals.notices;
    }
  }
  return totals;
}

bool fails_on(const Plan& plan, const char* what) {
  return std::find(plan.fails_on.begin(), plan.fails_on.end(), what) != plan.fails_on.end();
}

bool has_failed(const Plan& plan, const Totals& totals) {
  if (totals.failed + totals.errors > 0) return true;
  return (totals.risky > 0 && fails_on(plan, "risky")) || (totals.warnings > 0 && fails_on(plan, "warning")) ||
         (totals.skipped > 0 && fails_on(plan, "skipped")) || (totals.incomplete > 0 && fails_on(plan, "incomplete")) ||
         (totals.notices > 0 && fails_on(plan, "notice")) || (totals.deprecations > 0 && fails_on(plan, "deprecation"));
}

std::vector<std::unique_ptr<Reporter>> make_reporters(const TestOptions& options) {
  std::vector<std::unique_ptr<Reporter>> reporters;
  switch (options.form) {
    case Form::teamcity:
      reporters.push_back(make_teamcity_reporter());
      break;
    case Form::json:
      reporters.push_back(make_json_reporter());
      break;
    default:
      reporters.push_back(make_plain_reporter(options));
  }
  const char* github = std::getenv("GITHUB_ACTIONS");
  if (github != nullptr && std::string_view(github) == "true") reporters.push_back(make_github_reporter(options));
  return reporters;
}

}  // namespace

Result<int> run_tests(const TestOptions& options) {
  const int64_t started = monotonic_now();
  Times times = Times::load(file_of(options, "times"));
  Lessons lessons(file_of(options, "classes"));
  Coordinator coordinator(options, times, lessons);
  Plan plan = ASKR_TRY(coordinator.boot());
  if (options.runner.empty()) plan = ASKR_TRY(find_scripts(options));
  const std::vector<Piece> pieces = cut(plan, times, options);
  RunFacts facts{
      .runner = plan.runner, .files = plan.files.size(), .processes = options.parallel, .again = "askr test"};
  for (const Piece& piece : pieces) facts.tests += piece.tests.size();
  if (facts.tests == 0 && options.shard.of == 1) {
    return usage_error(options.only_failed ? "no test failed in the last run" : "no tests found");
  }
  const auto reporters = make_reporters(options);
  for (const auto& reporter : reporters) {
    coordinator.add_reporter(*reporter);
    reporter->begin(facts);
  }
  ASKR_TRY(coordinator.run(plan, pieces));
  if (!coordinator.interrupted()) coordinator.finish();
  Totals totals = sum_up(coordinator.results());
  totals.seconds = static_cast<double>(monotonic_now() - started) / kSecond;
  for (const auto& reporter : reporters) reporter->end(coordinator.results(), totals, coordinator.interrupted());
  lessons.save();
  if (auto saved = times.save(file_of(options, "times")); !saved) {
    std::fputs(fmt::format("askr: {}\n", saved.error().message).c_str(), stderr);
  }
  if (!options.junit.empty()) ASKR_TRY(write_junit(options.junit, coordinator.results()));
  if (coordinator.interrupted()) return 130;
  return has_failed(plan, totals) ? 1 : 0;
}

}  // namespace askr::testing
