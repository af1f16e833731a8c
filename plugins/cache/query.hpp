// Queries as PHP reads them: which ones are the same although they are written in another order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cache {

// The variable that PHP makes of a parameter's name (as sent, without its value): `order[a]` goes into `order`, `a.b`,
// `a+b` and `a%20b` into `a_b`. Empty: PHP leaves the parameter out.
std::string php_variable(std::string_view name);

// Is it one of the patterns (askr::text::fits_pattern)?
bool fits_any(std::string_view name, const std::vector<std::string>& patterns);

// Appends '?' and the query in an order that depends on nothing that PHP does not see either: by variable, because
// those of different variables commute, while those of one stay as they were sent: PHP makes a list of them, or takes
// the last. Names that fit one of `ignored` are left out.
void append_query(std::string_view query, const std::vector<std::string>& ignored, std::string& out);

}  // namespace cache
