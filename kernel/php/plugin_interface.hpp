// The functions that plugins call back: "askr.php/1".
#pragma once

#include <askr/abi/php.h>

namespace askr::php {

// All of the interface but add_function, which is the plugin host's.
askr_php php_interface();

}  // namespace askr::php
