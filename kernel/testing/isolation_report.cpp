#include "testing/isolation_report.hpp"

#include <fmt/core.h>

#include <map>

#include "testing/coordinator.hpp"

namespace askr::testing {
namespace {

using Verdicts = std::map<std::string, bool>;  // test -> is bad

Result<Verdicts> run_once(const TestOptions& options) {
  Times none;
  Lessons no_lessons("");
  Coordinator coordinator(options, none, no_lessons);
  const Plan plan = ASKR_TRY(coordinator.boot());
  std::vector<Piece> pieces = cut(plan, none, options);
  if (pieces.empty() || pieces.front().tests.empty()) return usage_error("no tests found");
  ASKR_TRY(coordinator.run(plan, std::move(pieces)));
  if (coordinator.interrupted()) return Error{"interrupted", 130};
  coordinator.finish();
  Verdicts verdicts;
  for (const TestResult& result : coordinator.results()) verdicts[result.id] = result.is_bad();
  return verdicts;
}

}  // namespace

Result<int> report_isolation(const TestOptions& options) {
  if (options.runner.empty()) return usage_error("--isolation-report: needs a runner");
  TestOptions together = options;
  together.in_one_process = true;
  const Verdicts in_order = ASKR_TRY(run_once(together));
  const Verdicts alone = ASKR_TRY(run_once(options));
  size_t differ = 0;
  for (const auto& [test, bad] : alone) {
    const auto other = in_order.find(test);
    if (other == in_order.end() || other->second == bad) continue;
    ++differ;
    fmt::print("{} {}\n", bad ? "needs what another file leaves:" : "is broken by what another file leaves:", test);
  }
  fmt::print("{} of {} tests depend on the files that ran before them\n", differ, alone.size());
  return differ == 0 ? 0 : 1;
}

}  // namespace askr::testing
