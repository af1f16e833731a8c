#include "media_types.hpp"

#include <algorithm>
#include <cctype>

namespace compression {
namespace {

// Beside text/* and the structured suffixes (RFC 6839).
constexpr std::string_view kTypes[] = {"application/javascript",
                                       "application/x-javascript",
                                       "application/ecmascript",
                                       "application/json",
                                       "application/ld+json",
                                       "application/xml",
                                       "application/xhtml+xml",
                                       "application/rss+xml",
                                       "application/atom+xml",
                                       "application/wasm",
                                       "application/manifest+json",
                                       "application/graphql",
                                       "application/x-ndjson",
                                       "application/sql",
                                       "application/vnd.ms-fontobject",
                                       "application/yaml",
                                       "application/toml",
                                       "application/rtf",
                                       "application/x-httpd-php",
                                       "font/ttf",
                                       "font/otf",
                                       "font/sfnt",
                                       "font/collection",
                                       "image/svg+xml",
                                       "image/bmp",
                                       "image/x-icon",
                                       "image/vnd.microsoft.icon",
                                       "model/gltf+json"};

bool ends_with_structured_suffix(std::string_view type) {
  return type.ends_with("+json") || type.ends_with("+xml") || type.ends_with("+yaml");
}

}  // namespace

bool is_compressible(std::string_view content_type, const std::vector<std::string>& extra) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return type.starts_with("text/") || ends_with_structured_suffix(type) ||
         std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes) ||
         std::find(extra.begin(), extra.end(), type) != extra.end();
}

}  // namespace compression
