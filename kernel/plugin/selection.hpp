// Which plugins are active with these settings, and in which order they live.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "config/load.hpp"
#include "plugin/library.hpp"

namespace askr::plugin {

// In the order of the lifecycle: what a plugin requires, or would use, comes before it; otherwise by id. Errors (exit
// code 2) are one line: a requirement that is not met, a conflict, a cycle, an option of a plugin that is not active.
Result<std::vector<const Library*>> select_active(const std::vector<Library>& libraries, const config::Loaded& loaded);

// `list` of a descriptor: calls visit(std::string_view id) for each.
template <class Visitor>
void for_each_id(const char* const* list, Visitor&& visit) {
  for (; list != nullptr && *list != nullptr; ++list) visit(std::string_view(*list));
}

}  // namespace askr::plugin
