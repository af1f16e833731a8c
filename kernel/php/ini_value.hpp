// Settings of php.ini as PHP took them, for reports.
#pragma once

#include <string>
#include <string_view>

namespace askr::php {

// The text of a setting ("128", "1", ""); empty for one that PHP does not know. Call after start_runtime().
std::string ini_value(std::string_view name);

}  // namespace askr::php
