// Settings from askr.toml.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/assignment.hpp"

namespace askr::config {

// Reads the file at `path`, which error messages call `shown`. Relative paths in it start at its folder.
Given read_toml_file(const std::string& path, const std::string& shown);

// The same for text in memory. Problems: "askr.toml:12: server.wrkers: unknown key, did you mean server.workers?".
Given parse_toml(const std::string& text, const std::string& shown, const std::string& folder);

// One list out of a file that was not checked yet; empty when there is none or the file cannot be read.
std::vector<std::string> peek_toml_list(const std::string& path, const std::string& section, const std::string& key);

}  // namespace askr::config
