// The header fields of a response that is, or could have been, encoded.
#pragma once

#include <string>
#include <string_view>

#include "askr/sdk.hpp"
#include "negotiation.hpp"

namespace compression {

// Is the response's own word against it: encoded already, a part of something, no-transform?
bool may_transform(const askr::Response& response);

// Adds Accept-Encoding to Vary, once.
void add_vary(askr::Response response);

// `"x"` becomes `W/"x"`: byte for byte it is another representation (RFC 9110 section 8.8.1).
std::string weakened(std::string_view etag);

// Says that the body is encoded, and takes back what was said of the plain one.
void mark_encoded(askr::Response response, Coding coding);

// A 304 has the ETag that the 200 would have had: the weak one for a client that has the encoded bytes.
void match_not_modified(askr::Request request, Coding coding);

}  // namespace compression
