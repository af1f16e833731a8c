#include "config/options.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "config/assignment.hpp"
#include "config/nearest.hpp"
#include "config/reserved.hpp"
#include "config/toml_file.hpp"

namespace {

using namespace askr;
using namespace askr::config;

TEST_CASE("every option has a name, a flag and a help text of its own") {
  std::set<std::string_view> paths, flags;
  for (const Option& option : options()) {
    CAPTURE(option.path);
    CHECK(paths.insert(option.path).second);
    CHECK(flags.insert(option.flag).second);
    CHECK(option.flag.starts_with("--"));
    CHECK_FALSE(option.help.empty());
    CHECK(option.help.back() != '.');
    CHECK_FALSE(is_reserved_path(option.path));
    CHECK_FALSE(is_reserved_flag(option.flag));
  }
}

TEST_CASE("every default passes its own check") {
  for (const Option& option : options()) {
    if (!option.default_text.empty()) continue;
    CAPTURE(option.path);
    Settings settings;
    CHECK(assign({&option, {option.default_value()}, {}, "/"}, settings));
  }
}

TEST_CASE("environment variables are named after section and key") {
  CHECK(environment_name("server.max_body_size") == "ASKR_SERVER_MAX_BODY_SIZE");
}

TEST_CASE("a mistyped name finds the nearest known one") {
  CHECK(nearest("--wokers", option_flags()) == "--workers");
  CHECK(nearest("server.lsiten", option_paths()) == "server.listen");
  CHECK(nearest("--entirely-different", option_flags()).empty());
  CHECK(nearest(std::string(5000, 'x'), option_flags()).empty());
}

// The example with the # taken off its settings; comments keep theirs, they have a space behind it.
// The sections of plugins come last; whether they fit is tested where plugins are loaded.
constexpr std::string_view kFirstPlugin = "[autoscale]";

std::string uncommented_example() {
  std::ifstream file(std::filesystem::path(__FILE__).parent_path() / "../../../askr.toml.example");
  REQUIRE(file);
  std::ostringstream text;
  for (std::string line; std::getline(file, line);) {
    if (line == kFirstPlugin) break;
    const bool setting = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    text << (setting ? line.substr(1) : line) << '\n';
  }
  return text.str();
}

TEST_CASE("askr.toml.example names every option of the server once, with its default") {
  const auto parsed = parse_toml(uncommented_example(), "askr.toml.example", "/");
  CHECK(parsed.problems.empty());
  std::set<std::string_view> named;
  for (const Assignment& assignment : parsed.assignments) {
    const Option& option = *assignment.option;
    CAPTURE(option.path);
    CHECK(named.insert(option.path).second);
    Settings settings, defaults;
    CHECK(assign(assignment, settings));
    if (option.default_text.empty()) CHECK(format_field(option, settings) == format_field(option, defaults));
  }
  for (const Option& option : options()) {
    CAPTURE(option.path);
    CHECK(named.contains(option.path));
  }
}

}  // namespace
