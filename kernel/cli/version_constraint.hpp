// Composer's version constraints, as far as the "php" of a composer.json needs them: ">=8.2", "^8.1 || ^9.0",
// "8.1.* | ~8.3.0", "7.4 - 8.3".
#pragma once

#include <string_view>

namespace askr::cli {

enum class Fit { yes, no, unknown };  // unknown: the constraint is written in a way that is not understood

// `version` is "8.2.30" or "8.2.30-1+deb12u1".
Fit fits(std::string_view version, std::string_view constraint);

}  // namespace askr::cli
