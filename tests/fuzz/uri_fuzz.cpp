// Paths: what is decoded stays below the root, has one spelling, and survives being encoded again.
#include <cstdint>
#include <string>
#include <string_view>

#include "http/uri.hpp"
#include "require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace askr::http;
  std::string path;
  if (!decode_path({reinterpret_cast<const char*>(data), size}, path)) return 0;
  ASKR_REQUIRE(path.starts_with('/') && path.size() <= size);
  ASKR_REQUIRE(path.find('\0') == std::string::npos);
  ASKR_REQUIRE(path.find("//") == std::string::npos);
  ASKR_REQUIRE((path + '/').find("/../") == std::string::npos && (path + '/').find("/./") == std::string::npos);

  std::string encoded;
  append_encoded_path(path, encoded);
  std::string again;
  ASKR_REQUIRE(decode_path(encoded, again) && again == path);
  return 0;
}
