// The response cache over a restart: what is fresh is written to a file when the server stops, and read back when it
// starts. A file that is not whole, or not of this format, is refused as a whole.
#pragma once

#include <string>

#include "response_store.hpp"

namespace cache {

// Nobody else may be at work in the store. Both log how it went.
void save(ResponseStore& store, const std::string& path);
// Takes the file away: what it holds may be invalidated from now on.
void restore(ResponseStore& store, const std::string& path);

}  // namespace cache
