// Colours where they help: on a terminal whose user did not say no (NO_COLOR).
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace askr::cli {

enum class Colors { off, on };

Colors colors_of(std::FILE* stream);

std::string bold(std::string_view text, Colors colors);
std::string green(std::string_view text, Colors colors);
std::string yellow(std::string_view text, Colors colors);
std::string red(std::string_view text, Colors colors);

}  // namespace askr::cli
