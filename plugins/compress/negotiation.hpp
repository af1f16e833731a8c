// Which content codings a client takes (RFC 9110 section 12.5.3).
#pragma once

#include <cstdint>
#include <string_view>

namespace compression {

enum class Coding : uint8_t { identity, gzip, brotli };

// "br", "gzip", "identity".
std::string_view coding_name(Coding coding);

// Weights in thousandths; 0: not acceptable.
struct Accepted {
  unsigned brotli = 0, gzip = 0, identity = 1000;

  // The best of those whose `offered` is true: the highest weight, brotli before gzip before identity.
  [[nodiscard]] Coding best(bool brotli_offered = true, bool gzip_offered = true) const;
};

// Reads an Accept-Encoding field; without one (data() == nullptr) only identity is taken. Elements that make no sense
// are passed over: a client that writes nonsense gets plain bytes.
Accepted parse_accept_encoding(std::string_view field);

}  // namespace compression
