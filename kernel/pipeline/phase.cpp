#include "pipeline/phase.hpp"

namespace askr::pipeline {

std::string_view phase_name(Phase phase) {
  switch (phase) {
    case Phase::connection:
      return "connection";
    case Phase::request_head:
      return "request_head";
    case Phase::route:
      return "route";
    case Phase::lookup:
      return "lookup";
    case Phase::request_body:
      return "request_body";
    case Phase::dispatch:
      return "dispatch";
    case Phase::request_begin:
      return "request_begin";
    case Phase::request_end:
      return "request_end";
    case Phase::response_head:
      return "response_head";
    case Phase::response_body:
      return "response_body";
    case Phase::log:
      return "log";
  }
  return "unknown";
}

}  // namespace askr::pipeline
