// Recording: what is to be stored of a response, as its head has it; the body comes later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "askr/sdk.hpp"
#include "askr/services/compress.h"
#include "policy.hpp"

namespace cache {

struct Recording {
  Recording(askr::Request request, Policy policy_in, const askr::Service<askr_compress_encode>& compress);

  // A body of this length is all that the application has announced.
  [[nodiscard]] bool is_whole(uint64_t length) const { return announced.value_or(length) == length; }

  Policy policy;
  std::string head;  // fields, see fields.hpp
  std::string vary;
  std::optional<uint64_t> announced;  // Content-Length
  bool compressible = false;
};

// The ETag of a response that came without one.
std::string etag_of(std::string_view body);

}  // namespace cache
