// Assignment: one setting given somewhere, before it is merged: which option, what text, where it was written.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/options.hpp"
#include "config/settings.hpp"

namespace askr::config {

enum class Source : uint8_t { default_value, file, environment, flag };  // later ones win

struct Origin {
  Source source = Source::default_value;
  std::string place = "default";  // "askr.toml:12", "ASKR_SERVER_LISTEN", "--listen"
  std::string note = {};          // how the value came about, where it is not what was written: "auto"
};

struct Assignment {
  const Option* option = nullptr;
  std::vector<std::string> values;  // one unless the option is a list
  Origin origin;
  std::string folder;                          // absolute; relative paths start here
  std::vector<SidecarSettings> sidecars = {};  // Kind::sidecars out of askr.toml, instead of `values`
};

// What one source of settings says, and what is wrong with it, a line each: a mistake hides neither the rest of the
// source nor that of another.
struct Given {
  std::vector<Assignment> assignments;
  std::vector<std::string> problems;
  std::vector<std::string> warnings = {};  // what is no setting, and perhaps none of ours
};

// Parses and checks the values and stores them in `settings`. Error: one line with place and name.
Result<> assign(const Assignment& assignment, Settings& settings);

// "askr.toml:12: server.workers: expected ...": what every error of a setting starts with. In flags and the environment
// the place is the name.
std::string describe_place(const Origin& origin, std::string_view option_path);

// Several errors as one, a line each. `problems` is not empty.
Error join_problems(const std::vector<std::string>& problems);

}  // namespace askr::config
