#include "testing/result.hpp"

#include <algorithm>

namespace askr::testing {

std::string TestResult::class_name() const {
  const size_t at = id.find("::");
  return at == std::string::npos ? std::string() : id.substr(0, at);
}

std::string TestResult::display_name() const {
  const size_t at = id.find("::");
  std::string name = at == std::string::npos ? id : id.substr(at + 2);
  const size_t data = name.find('#');
  if (at == std::string::npos || data == std::string::npos) return name;
  const std::string set = name.substr(data + 1);
  const bool number = !set.empty() && std::all_of(set.begin(), set.end(), [](char c) { return c >= '0' && c <= '9'; });
  return name.substr(0, data) + " with data set " + (number ? "#" + set : "\"" + set + "\"");
}

const char* status_name(Status status) {
  switch (status) {
    case Status::passed:
      return "passed";
    case Status::failed:
      return "failed";
    case Status::error:
      return "error";
    case Status::skipped:
      return "skipped";
    case Status::incomplete:
      return "incomplete";
  }
  return "";
}

}  // namespace askr::testing
