// Whether this process may use a file.
#pragma once

#include <string>

namespace askr {

// As an open() would find it: with the ids and capabilities that are in effect, which access() forgets. `mode` is
// F_OK, or R_OK, W_OK and X_OK together. errno says why not.
bool may_access(const std::string& path, int mode);

}  // namespace askr
