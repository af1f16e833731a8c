// Conditional and range requests (RFC 9110 sections 13 and 14) against an answer that is complete in memory or a file.
#pragma once

#include "pipeline/transaction.hpp"

namespace askr::gateway {

// Turns an answer to GET or HEAD with status 200 into 304, 412, 206 or 416 where the request asks for it; one of a
// worker that is not complete into 304 only. Its ETag and Last-Modified fields are what conditions are compared with;
// Range is obeyed if it says Accept-Ranges: bytes.
void apply_conditions(pipeline::Transaction& transaction);

}  // namespace askr::gateway
