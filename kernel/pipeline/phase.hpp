// The closed list of phases that a request passes, and what a hook may answer (design section 5).
#pragma once

#include <cstdint>
#include <string_view>

namespace askr::pipeline {

enum class Phase : uint8_t {
  connection,     // gateway: a client was accepted
  request_head,   // gateway: head parsed, body not read
  route,          // gateway: the first hook that answers wins
  lookup,         // gateway: caches
  request_body,   // gateway: filter
  dispatch,       // gateway: the kernel hands over to a worker
  request_begin,  // worker
  request_end,    // worker
  response_head,  // gateway: mirror order
  response_body,  // gateway: filter, mirror order
  log,            // gateway: observe
};
inline constexpr unsigned kPhaseCount = 11;

std::string_view phase_name(Phase phase);

// The values are those of askr/abi/pipeline.h.
enum class Verdict : int32_t {
  next,     // go on
  done,     // this hook has answered: transaction.response and transaction.body are filled
  suspend,  // will be resumed once, later, in the same gateway
  fail,     // 500, logged with the plugin's name
};

}  // namespace askr::pipeline
