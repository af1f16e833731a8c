// From a plugin's handle to the transaction, for the functions of the interfaces.
#pragma once

#include "pipeline/request_table.hpp"
#include "pipeline/transaction.hpp"

namespace askr::plugin {

// Names the plugin that `caller` (a return address) belongs to in the log, once for each function.
void report_stale(const char* function, const void* caller);

// nullptr: the request has ended.
inline pipeline::Transaction* live(askr_request request, const char* function, const void* caller) {
  pipeline::Transaction* transaction = pipeline::request_table().find(request);
  if (transaction == nullptr) [[unlikely]] {
    report_stale(function, caller);
  }
  return transaction;
}

inline askr_str to_str(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view to_view(askr_str text) {
  return {text.data, text.size};
}

}  // namespace askr::plugin

// Inside a function of an interface.
#define ASKR_LIVE(request, function) ::askr::plugin::live(request, function, __builtin_return_address(0))
