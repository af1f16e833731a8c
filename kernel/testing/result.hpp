// How one test ended.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace askr::testing {

enum class Status : uint8_t { passed, failed, error, skipped, incomplete };

struct TestResult {
  std::string id;
  std::string file;  // of the test
  unsigned line = 0;
  Status status = Status::passed;
  double seconds = 0;
  unsigned assertions = 0;
  std::string type;     // class of the exception
  std::string message;  // one line or more
  std::string trace;
  std::string output;               // what it has printed
  std::vector<std::string> issues;  // "risky", "warning", ...: what may fail a run though the test passes
  bool flaky = false;               // failed before it passed

  [[nodiscard]] bool is_bad() const { return status == Status::failed || status == Status::error; }
  // "Tests\\SumTest" and "testAdds with data set #0"
  [[nodiscard]] std::string class_name() const;
  [[nodiscard]] std::string display_name() const;
};

const char* status_name(Status status);

}  // namespace askr::testing
