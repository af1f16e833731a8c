// What is wrong with all workers of a generation alike, so that one of them says it.
#pragma once

#include <cstdint>

namespace askr::exchange {

enum class SharedWarning : uint8_t { accel_redirect, included_once, count };

}  // namespace askr::exchange
