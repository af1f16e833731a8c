// What a worker gets to know of a request.
#pragma once

#include "exchange/request_view.hpp"
#include "pipeline/transaction.hpp"

namespace askr::gateway {

// `transaction` has a head, an id and a resolved target; the views of `view` live as long as it and `endpoint`.
void fill_worker_request(const pipeline::Transaction& transaction, const pipeline::Endpoint& endpoint,
                         uint64_t body_size, exchange::RequestView& view);

}  // namespace askr::gateway
