#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

#include "cli/command.hpp"
#include "cli/doctor.hpp"
#include "cli/terminal.hpp"
#include "config/account.hpp"

namespace askr::cli {
namespace {

std::string grade_name(Grade grade, Colors colors) {
  if (grade == Grade::ok) return green("ok  ", colors);
  return grade == Grade::warn ? yellow("warn", colors) : red("FAIL", colors);
}

std::string line_of(const Finding& finding, Colors colors) {
  const std::string advice = finding.advice.empty() ? "" : " - " + finding.advice;
  return fmt::format("{}  {}{}\n", grade_name(finding.grade, colors), finding.text, advice);
}

// Prints at once: what comes next may take its time.
unsigned print(std::string_view heading, const Findings& findings, Colors colors) {
  unsigned failed = 0;
  std::fputs((bold(heading, colors) + "\n").c_str(), stdout);
  for (const Finding& finding : findings) {
    std::fputs(line_of(finding, colors).c_str(), stdout);
    if (finding.grade == Grade::fail) ++failed;
  }
  std::fflush(stdout);
  return failed;
}

}  // namespace

Result<int> run_doctor(const Invocation& invocation) {
  const config::Loaded loaded = ASKR_TRY(config::load(invocation.line, invocation.environment, invocation.folder));
  const std::optional<Account> found = ASKR_TRY(config::find_account(loaded));
  const Account* account = found && ::geteuid() == 0 ? &*found : nullptr;
  const Colors colors = colors_of(stdout);
  const PhpFacts facts = start_php_once(loaded.settings, account);
  unsigned failed = print("PHP", examine_php(facts), colors);
  failed += print("\nMachine", examine_machine(loaded.settings, account), colors);
  failed += print("\nApplication", examine_application(loaded, facts, account), colors);
  return failed == 0 ? 0 : 1;
}

}  // namespace askr::cli
