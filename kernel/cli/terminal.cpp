#include "cli/terminal.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>

namespace askr::cli {
namespace {

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] != '\0';
}

std::string paint(int code, std::string_view text, Colors colors) {
  return colors == Colors::on ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

}  // namespace

Colors colors_of(std::FILE* stream) {
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return isatty(fileno(stream)) != 0 && !dumb && !is_set("NO_COLOR") ? Colors::on : Colors::off;
}

std::string bold(std::string_view text, Colors colors) {
  return paint(1, text, colors);
}
std::string green(std::string_view text, Colors colors) {
  return paint(32, text, colors);
}
std::string yellow(std::string_view text, Colors colors) {
  return paint(33, text, colors);
}
std::string red(std::string_view text, Colors colors) {
  return paint(31, text, colors);
}

}  // namespace askr::cli
