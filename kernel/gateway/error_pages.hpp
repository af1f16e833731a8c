// The gateway's own answers: a short page with the status and the request id, by which the logs are found.
#pragma once

#include "pipeline/transaction.hpp"

namespace askr::gateway {

// Replaces response and body of the transaction. `retry_after` in seconds, 0: none.
void make_error_page(pipeline::Transaction& transaction, int status, unsigned retry_after = 0);

}  // namespace askr::gateway
