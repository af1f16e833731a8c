// What there is to run, as the runner has found it, and how it is cut into pieces.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "testing/options.hpp"
#include "testing/times.hpp"

namespace askr::testing {

struct PlannedTest {
  std::string id;      // "Tests\\SumTest::testAdds#0"
  std::string method;  // tests of one method stay together
};

struct PlannedClass {
  std::string name;
  bool depends = false;  // one of its tests needs the result of another one
  std::vector<PlannedTest> tests;
};

struct PlannedFile {
  std::string path;
  std::vector<PlannedClass> classes;
};

struct Plan {
  std::vector<PlannedFile> files;
  std::string runner;                 // "PHPUnit 11.5.1"
  std::vector<std::string> fails_on;  // beside failures and errors: "risky", "warning", ...
};

// What has to run so that these tests of a file can: where tests need each other's results, their whole class.
std::vector<std::string> needed_for(const Plan& plan, const std::string& file, const std::vector<std::string>& tests);

// Error: it is none.
Result<Plan> read_plan(std::string_view json);

// One forked process's worth of work.
struct Piece {
  std::string file;                // empty: all files
  std::vector<std::string> tests;  // that shall be heard of, in order
  std::vector<std::string> only;   // that are to be run; empty: all of the file
  double expected = 0;             // seconds, by earlier runs
  unsigned attempt = 0;            // how often it was tried before, for --retry
  bool suspect = false;            // runs alone: was it this one that killed its parent?
};

// The pieces of this shard, longest first. A file that takes longer than a fair share of all is split by method.
std::vector<Piece> cut(const Plan& plan, const Times& times, const TestOptions& options);

}  // namespace askr::testing
