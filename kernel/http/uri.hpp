// Paths of URIs (RFC 3986 sections 2.1 and 5.2.4).
#pragma once

#include <string>
#include <string_view>

namespace askr::http {

// Decodes `raw` into `path`: percent-encoding undone once, then `.` and `..` resolved and repeated slashes made one, in
// this order, so that no encoding hides a dot segment. The result starts with a slash and keeps the last one.
// False: no path ("*"), a broken escape, a NUL byte, or it leads above the root; `path` is then of no use.
bool decode_path(std::string_view raw, std::string& path);

// Appends `path` with everything encoded that has a meaning or no place in the path of a URI.
void append_encoded_path(std::string_view path, std::string& out);

}  // namespace askr::http
