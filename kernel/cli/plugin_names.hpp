// The names in [plugins] enable and disable, checked against what there is.
#pragma once

#include "base/result.hpp"
#include "config/load.hpp"
#include "plugin/library.hpp"

namespace askr::cli {

// Error: a name that no plugin has (with the nearest one), or one that is both enabled and disabled; exit code 2.
Result<> check_plugin_names(const config::Loaded& loaded, const std::vector<plugin::Library>& installed);

}  // namespace askr::cli
