// The known name that a mistyped one was probably meant to be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace askr::config {

// Empty when nothing is near: more than a third of the letters would have to change.
std::string nearest(std::string_view name, const std::vector<std::string>& known);

// ", did you mean X?" or nothing.
std::string suggestion(std::string_view name, const std::vector<std::string>& known);

}  // namespace askr::config
