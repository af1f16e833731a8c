// Conditional requests (RFC 9110 section 13).
#pragma once

#include <cstdint>
#include <string_view>

#include "http/request_head.hpp"

namespace askr::http {

// What is known about the representation that would be sent.
struct Validators {
  std::string_view etag;      // with its quotes, perhaps W/ before them; empty: none
  int64_t last_modified = 0;  // seconds since 1970
};

// Is there any of the fields that the functions below, and parse_ranges, look at? Most requests have none.
bool has_conditions(const RequestHead& head);

enum class Precondition : uint8_t {
  proceed,
  not_modified,  // answer 304
  failed,        // answer 412
};

// If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since in their order of precedence. `now` is wall time
// in seconds.
Precondition check_preconditions(const RequestHead& head, const Validators& validators, int64_t now);

// Is a Range field to be obeyed? True without If-Range.
bool range_applies(const RequestHead& head, const Validators& validators, int64_t now);

}  // namespace askr::http
