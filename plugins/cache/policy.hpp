// What the application says with its Askr-Cache field, and whether a response may be stored at all.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "askr/sdk.hpp"
#include "askr/sdk/text.hpp"

namespace cache {

inline constexpr size_t kMostTags = 64;

// Durations in seconds.
struct Policy {
  int64_t ttl = 0;
  int64_t stale_while_revalidate = 0;
  int64_t stale_if_error = 0;
  int64_t age = 0;                  // that the response has already
  std::vector<uint32_t> tags = {};  // TagClock::index_of
  std::string_view refusal = {};    // static text; empty: it may be stored
  // Is there nothing left that it could be stored for?
  [[nodiscard]] bool is_over() const { return age >= ttl + std::max(stale_while_revalidate, stale_if_error); }
};

// "60, tags=posts,homepage, swr=30, stale-if-error=600". Several fields are one list (RFC 9110 section 5.3); what is
// said twice and is no tag makes no sense.
Policy parse_policy(const std::vector<std::string>& fields);

// How old the response is already, in seconds (RFC 9111 section 5.1); 0 without an Age field that is a number.
int64_t age_of(const askr::Response& response);

// Why a response with this status and these fields is not stored; empty: it may be.
std::string_view refusal_of(const askr::Response& response);

// Which fields belong to one exchange and not to the response that others get.
bool is_stored_field(std::string_view name);

}  // namespace cache
