// What `askr status` prints, computed from the process table and /proc when asked.
#pragma once

#include <string>

#include "config/settings.hpp"
#include "exchange/exchange.hpp"
#include "plugin/host.hpp"

namespace askr::process {

// One JSON document, one line. `renewals`: see Deployment.
std::string status_json(const config::Settings& settings, const exchange::Exchange& exchange,
                        const plugin::Host& plugins, unsigned renewals, int64_t started);

}  // namespace askr::process
