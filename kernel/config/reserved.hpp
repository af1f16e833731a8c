// Names of the public contract whose feature is not part of this build. They are refused with that reason instead of
// "unknown": a setting that is accepted and does nothing would be worse than either.
#pragma once

#include <string_view>

namespace askr::config {

// "cache.slots", or a whole section such as "cache".
bool is_reserved_path(std::string_view path);
// "--cow"
bool is_reserved_flag(std::string_view flag);
// "ASKR_CACHE_SLOTS". Secrets alone (ASKR_ADMIN_TOKEN) turn nothing on and are let through.
bool is_reserved_environment(std::string_view name);

}  // namespace askr::config
