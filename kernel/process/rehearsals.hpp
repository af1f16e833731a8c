// Rehearsals: the pages of reload.warm_urls as requests for a worker, so that new code proves itself and warms up
// before clients meet it.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/settings.hpp"

namespace askr::process {

// As exchange::encode_request() writes them, for the resolved document root `root`. Error: one of them leads to no
// script there.
Result<std::vector<std::string>> encode_rehearsals(const config::Settings& settings, const std::string& root);

}  // namespace askr::process
