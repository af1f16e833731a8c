// One <testsuite> for each class, in the order of their names: which process was faster says nothing.
#include <fmt/core.h>
#include <pugixml.hpp>

#include <map>
#include <sstream>

#include "base/replace_file.hpp"
#include "testing/reporter.hpp"

namespace askr::testing {
namespace {

struct Suite {
  std::vector<const TestResult*> tests;
  size_t assertions = 0, failures = 0, errors = 0, skipped = 0;
  double seconds = 0;
};

// XML has no place for most control characters, not even as references.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 || c == '\n' || c == '\t' || c == '\r') out += c;
  }
  return out;
}

void count(Suite& suite, const TestResult& result) {
  suite.tests.push_back(&result);
  suite.assertions += result.assertions;
  suite.seconds += result.seconds;
  if (result.status == Status::failed) ++suite.failures;
  if (result.status == Status::error) ++suite.errors;
  if (result.status == Status::skipped || result.status == Status::incomplete) ++suite.skipped;
}

void write_counts(pugi::xml_node node, const Suite& suite) {
  node.append_attribute("tests") = suite.tests.size();
  node.append_attribute("assertions") = suite.assertions;
  node.append_attribute("errors") = suite.errors;
  node.append_attribute("failures") = suite.failures;
  node.append_attribute("skipped") = suite.skipped;
  node.append_attribute("time") = fmt::format("{:.6f}", suite.seconds).c_str();
}

std::string with_dots(std::string name) {
  for (char& c : name) {
    if (c == '\\') c = '.';
  }
  return name;
}

void write_fault(pugi::xml_node test, const TestResult& result) {
  pugi::xml_node fault = test.append_child(result.status == Status::failed ? "failure" : "error");
  fault.append_attribute("type") = printable(result.type).c_str();
  const std::string text =
      fmt::format("{}::{}\n{}\n{}", result.class_name(), result.display_name(), result.message, result.trace);
  fault.text() = printable(text).c_str();
}

void write_test(pugi::xml_node suite, const TestResult& result) {
  pugi::xml_node test = suite.append_child("testcase");
  test.append_attribute("name") = printable(result.display_name()).c_str();
  test.append_attribute("file") = result.file.c_str();
  test.append_attribute("line") = result.line;
  test.append_attribute("class") = result.class_name().c_str();
  test.append_attribute("classname") = with_dots(result.class_name()).c_str();
  test.append_attribute("assertions") = result.assertions;
  test.append_attribute("time") = fmt::format("{:.6f}", result.seconds).c_str();
  if (result.is_bad()) write_fault(test, result);
  if (result.status == Status::skipped || result.status == Status::incomplete) test.append_child("skipped");
  if (!result.output.empty()) test.append_child("system-out").text() = printable(result.output).c_str();
}

}  // namespace

Result<> write_junit(const std::string& file, const std::vector<TestResult>& results) {
  std::map<std::string, Suite> suites;
  Suite all;
  for (const TestResult& result : results) {
    count(suites[result.class_name()], result);
    count(all, result);
  }
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  pugi::xml_node root = document.append_child("testsuites").append_child("testsuite");
  root.append_attribute("name") = "askr test";
  write_counts(root, all);
  for (const auto& [name, suite] : suites) {
    pugi::xml_node node = root.append_child("testsuite");
    node.append_attribute("name") = name.c_str();
    node.append_attribute("file") = suite.tests.front()->file.c_str();
    write_counts(node, suite);
    for (const TestResult* result : suite.tests) write_test(node, *result);
  }
  std::ostringstream text;
  document.save(text, "  ");
  return replace_file(file, text.str());
}

}  // namespace askr::testing
