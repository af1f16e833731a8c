// What a field of a request means to the cache. docs/caching.md has the whole of what PHP can see of a request as a
// table, with the reasons.
#pragma once

#include <cstdint>
#include <string_view>

namespace cache {

enum class FieldMeaning : uint8_t {
  none,             // makes no difference, or the page's Vary says so
  accept_encoding,  // codings are Askr's own business
  cookie,
  credential,  // says who asks
  body,        // there is one, or its length is
  condition,   // If-*
  range,
  detour,     // makes another request of it than its target says
  place,      // applications learn from it where they are reached, and make links of it: part of the key
  forwarded,  // RFC 7239: parts of it are
};

FieldMeaning meaning_of(std::string_view name);

}  // namespace cache
