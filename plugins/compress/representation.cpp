#include "representation.hpp"

#include "askr/sdk/text.hpp"

namespace compression {

using namespace askr::text;

bool may_transform(const askr::Response& response) {
  const std::string_view coding = response.header("Content-Encoding");
  if (!coding.empty() && !same_name(coding, "identity")) return false;
  if (response.header("Content-Range").data() != nullptr) return false;
  return !has_directive(all_values(response, "Cache-Control"), "no-transform");
}

void add_vary(askr::Response response) {
  const std::string vary = all_values(response, "Vary");
  if (has_directive(vary, "*") || has_directive(vary, "accept-encoding")) return;
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
