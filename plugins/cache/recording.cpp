#include "recording.hpp"

#include <charconv>

#include "fields.hpp"
#include "hash.hpp"

namespace cache {

using namespace askr::text;

Recording::Recording(askr::Request request, Policy policy_in, const askr::Service<askr_compress_encode>& compress)
    : policy(std::move(policy_in)) {
  const askr::Response response = request.response();
  response.for_each_header([this](std::string_view name, std::string_view value) {
    if (is_stored_field(name)) append_field(head, name, value);
  });
  vary = all_values(response, "Vary");
  const std::string_view length = response.header("Content-Length");
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), number);
  if (!length.empty() && error == std::errc{} && end == length.data() + length.size()) announced = number;
  compressible = compress && compress.functions->is_candidate(compress.self, request.handle()) != 0;
}

std::string etag_of(std::string_view body) {
  static constexpr char kDigits[] = "0123456789abcdef";
  uint64_t hash = hash_of(body);
  std::string text = "\"";
  for (unsigned i = 0; i < 16; ++i, hash >>= 4) text += kDigits[hash & 15];
  return text + "\"";
}

}  // namespace cache
