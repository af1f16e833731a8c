// The rules are those of php_register_variable_ex() in PHP's main/php_variables.c.
#include "query.hpp"

#include <algorithm>

#include "askr/sdk/text.hpp"
#include "percent.hpp"

namespace cache {

using namespace askr::text;
namespace {

// Of a query with more parameters than that the order stays: with max_input_vars it decides which ones PHP drops.
constexpr size_t kMostSorted = 100;

std::string decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int byte = decoded_byte(text, i);
    if (byte >= 0) i += 2;
    out.push_back(byte >= 0 ? static_cast<char>(byte) : text[i] == '+' ? ' ' : text[i]);
  }
  return out;
}

std::string_view name_of(std::string_view pair) {
  return pair.substr(0, pair.find('='));
}

struct Parameter {
  std::string text;      // "name=value" in normal form
  std::string variable;  // of PHP
};

// A semicolon may divide parameters as well (arg_separator.input): then it is not known what there is to sort.
bool may_sort(std::string_view query, size_t parameters) {
  return parameters <= kMostSorted && query.find(';') == std::string_view::npos;
}

void sort(std::vector<Parameter>& parameters) {
  for (Parameter& each : parameters) each.variable = php_variable(name_of(each.text));
  std::stable_sort(parameters.begin(), parameters.end(),
                   [](const Parameter& a, const Parameter& b) { return a.variable < b.variable; });
}

}  // namespace

bool fits_any(std::string_view name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [name](const std::string& pattern) { return fits_pattern(name, pattern); });
}

std::string php_variable(std::string_view name) {
  std::string variable = decoded(name);
  variable.resize(std::min(variable.find('\0'), variable.size()));
  variable.erase(0, variable.find_first_not_of(' '));
  const size_t bracket = variable.find('[');
  const bool is_array = bracket != std::string::npos && variable.find(']', bracket) != std::string::npos;
  if (is_array) variable.resize(bracket);
  // A bracket that nobody closes is no bracket.
  std::replace_if(
      variable.begin(), variable.end(), [](char c) { return c == ' ' || c == '.' || c == '['; }, '_');
  return variable;
}

void append_query(std::string_view query, const std::vector<std::string>& ignored, std::string& out) {
  if (ignored.empty() && query.find('&') == std::string_view::npos) {
    if (!query.empty()) out.push_back('?');
    append_normal(query, out);
    return;
  }
  std::vector<Parameter> parameters;
  std::string_view pair;
  for (std::string_view left = query; next_element(left, pair, '&');) {
    Parameter parameter;
    append_normal(pair, parameter.text);
    if (!fits_any(name_of(parameter.text), ignored)) parameters.push_back(std::move(parameter));
  }
  if (may_sort(query, parameters.size())) sort(parameters);
  char separator = '?';
  for (const Parameter& each : parameters) {
    out.push_back(separator);
    out.append(each.text);
    separator = '&';
  }
}

}  // namespace cache
