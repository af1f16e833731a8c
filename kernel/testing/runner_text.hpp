// examples/askr-test.php, as it was when this program was built.
#pragma once

#include <string_view>

namespace askr::testing {

std::string_view runner_text();

}  // namespace askr::testing
