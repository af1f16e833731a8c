#include "representation.hpp"

#include <algorithm>
#include <cctype>

namespace compression {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return result;
}

// Is `token` one of the elements of a list such as "a, b=1, c"?
bool has_token(std::string_view list, std::string_view token) {
  const std::string text = "," + lower(list) + ",";
  size_t at = 0;
  while ((at = text.find(token, at)) != std::string::npos) {
    const size_t before = text.find_last_not_of(" \t", at - 1);
    const size_t after = text.find_first_not_of(" \t", at + token.size());
    if (text[before] == ',' && (text[after] == ',' || text[after] == '=')) return true;
    at += token.size();
  }
  return false;
}

}  // namespace

bool may_transform(const askr::Response& response) {
  const std::string_view coding = response.header("Content-Encoding");
  if (!coding.empty() && lower(coding) != "identity") return false;
  if (response.header("Content-Range").data() != nullptr) return false;
  return !has_token(response.header("Cache-Control"), "no-transform");
}

void add_vary(askr::Response response) {
  const std::string vary(response.header("Vary"));
  if (has_token(vary, "*") || has_token(vary, "accept-encoding")) return;
  response.set_header("Vary", vary.empty() ? "Accept-Encoding" : vary + ", Accept-Encoding");
}

std::string weakened(std::string_view etag) {
  return etag.starts_with("\"") ? "W/" + std::string(etag) : std::string(etag);
}

void mark_encoded(askr::Response response, Coding coding) {
  response.set_header("Content-Encoding", coding_name(coding));
  const std::string_view etag = response.header("ETag");
  if (!etag.empty()) response.set_header("ETag", weakened(etag));
  // Ranges and digests would be of the plain bytes (RFC 9530 section 3 for Content-Digest).
  for (const char* field : {"Accept-Ranges", "Content-MD5", "Content-Digest", "Digest"}) response.remove_header(field);
}

void match_not_modified(askr::Request request, Coding coding) {
  askr::Response response = request.response();
  add_vary(response);
  const std::string etag = weakened(response.header("ETag"));
  if (etag.empty() || coding == Coding::identity) return;
  if (request.header("If-None-Match").find(etag) != std::string_view::npos) response.set_header("ETag", etag);
}

}  // namespace compression
