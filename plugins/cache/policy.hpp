// What the application says with its Askr-Cache field, and whether a response may be stored at all.
#pragma once

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
  std::vector<uint32_t> tags = {};  // TagClock::index_of
  std::string_view refusal = {};    // static text; empty: it may be stored
};

// "60, tags=posts,homepage, swr=30, stale-if-error=600".
Policy parse_policy(std::string_view field);

// Why a response with this status and these fields is not stored; empty: it may be.
std::string_view refusal_of(const askr::Response& response);

// Which fields belong to one exchange and not to the response that others get.
bool is_stored_field(std::string_view name);

}  // namespace cache
