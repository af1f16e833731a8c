// Request ids: in both logs, in X-Request-Id, on error pages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/transaction.hpp"

namespace askr::gateway {

class RequestIds {
 public:
  RequestIds();
  // Keeps the client's own id if it is well-formed (1 to 64 of A-Z a-z 0-9 . _ - :), else makes a new one: 16 hex
  // digits, the first eight random for this process, the rest counting.
  void assign(pipeline::Transaction& transaction, std::string_view from_client);

 private:
  uint32_t prefix_ = 0;
  uint32_t next_ = 0;
};

}  // namespace askr::gateway
