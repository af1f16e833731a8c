#include "media_types.hpp"

#include <algorithm>

#include "askr/sdk/text.hpp"

namespace compression {

using namespace askr::text;

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

bool has_structured_suffix(std::string_view type) {
  const std::string_view suffix = type.substr(std::min(type.rfind('+'), type.size()));
  return same_name(suffix, "+json") || same_name(suffix, "+xml") || same_name(suffix, "+yaml");
}

}  // namespace

bool is_compressible(std::string_view content_type, const std::vector<std::string>& extra) {
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  const auto is_it = [type](std::string_view each) { return same_name(each, type); };
  return same_name(type.substr(0, 5), "text/") || has_structured_suffix(type) ||
         std::any_of(std::begin(kTypes), std::end(kTypes), is_it) || std::any_of(extra.begin(), extra.end(), is_it);
}

}  // namespace compression
