// Is this a descriptor that this server understands? What comes out of a foreign library is checked before it is used.
#pragma once

#include <askr/abi/plugin.h>

#include "base/result.hpp"

namespace askr::plugin {

// Everything but the identity of the file. Errors are without the file's name.
Result<> check_descriptor(const askr_descriptor* descriptor);

}  // namespace askr::plugin
