// What `askr status` prints, computed from the process table and /proc when asked.
#pragma once

#include <string>

#include "config/settings.hpp"
#include "exchange/exchange.hpp"
#include "plugin/host.hpp"

namespace askr::process {

// One JSON document, one line.
std::string status_json(const config::Settings& settings, const exchange::Exchange& exchange,
                        const plugin::Host& plugins, int64_t started);

}  // namespace askr::process
