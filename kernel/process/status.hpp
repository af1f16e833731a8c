// What `askr status` prints, computed from the process table and /proc when asked.
#pragma once

#include <string>

#include "config/settings.hpp"
#include "exchange/exchange.hpp"

namespace askr::process {

// One JSON document, one line.
std::string status_json(const config::Settings& settings, const exchange::Exchange& exchange, int64_t started);

}  // namespace askr::process
