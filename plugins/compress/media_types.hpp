// Which media types are worth compressing: text, and formats that are text or have the redundancy of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace compression {

// `content_type` is the field with its parameters; `extra` are more types, "application/x-foo", in lower case.
bool is_compressible(std::string_view content_type, const std::vector<std::string>& extra);

}  // namespace compression
