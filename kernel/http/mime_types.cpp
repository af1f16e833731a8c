#include "http/mime_types.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <utility>

#include "http/text.hpp"

namespace askr::http {
namespace {

constexpr std::string_view kUnknown = "application/octet-stream";
constexpr size_t kLongestExtension = 16;

// What the web is made of, for machines without a table and for what older tables lack.
constexpr std::array<std::pair<std::string_view, std::string_view>, 41> kBuiltIn{{
    {"aac", "audio/aac"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"eot", "application/vnd.ms-fontobject"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/vnd.microsoft.icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"md", "text/markdown"},
    {"mjs", "text/javascript"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"ogg", "audio/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"rss", "application/rss+xml"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xml", "application/xml"},
    {"zip", "application/zip"},
}};

// HTML and XML say themselves what they are written in (<meta charset>, <?xml encoding="..."?>), and a charset beside
// the type would overrule them: a Latin-1 page would break. Without it all readers look into the file.
bool names_its_charset(std::string_view type) {
  return type == "text/html" || type == "text/xml" || type == "application/xml" || type.ends_with("+xml");
}

bool is_text(std::string_view type) {
  return type.starts_with("text/") || type == "application/javascript" || type == "application/json" ||
         type.ends_with("+json");
}

}  // namespace

MimeTypes MimeTypes::load(const char* file) {
  MimeTypes table;
  for (const auto& [extension, type] : kBuiltIn) table.add(extension, type);
  std::ifstream lines(file);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string type;
    std::string extension;
    words >> type;
    if (type.find('/') == std::string::npos) continue;
    while (words >> extension) table.add(extension, type);
  }
  return table;
}

void MimeTypes::add(std::string_view extension, std::string_view type) {
  std::string key(extension);
  std::transform(key.begin(), key.end(), key.begin(), to_lower);
  std::string value(type);
  if (is_text(type) && !names_its_charset(type)) value += "; charset=utf-8";
  types_.insert_or_assign(std::move(key), std::move(value));
}

std::string_view MimeTypes::type_of(std::string_view path) const {
  const size_t dot = path.find_last_of("./");
  if (dot == std::string_view::npos || path[dot] == '/') return kUnknown;
  const std::string_view extension = path.substr(dot + 1);
  if (extension.size() > kLongestExtension) return kUnknown;
  char lower[kLongestExtension];
  std::transform(extension.begin(), extension.end(), lower, to_lower);
  const auto found = types_.find(std::string_view(lower, extension.size()));
  return found == types_.end() ? kUnknown : std::string_view(found->second);
}

}  // namespace askr::http
