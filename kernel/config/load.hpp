// From flags, environment, askr.toml and defaults to the Settings of one server, with the origin of each value.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/assignment.hpp"
#include "config/command_line.hpp"
#include "config/environment.hpp"
#include "config/settings.hpp"

namespace askr::config {

struct Loaded {
  Settings settings;
  std::vector<Origin> origins;        // in the order of options()
  std::vector<std::string> warnings;  // what the environment has that is no setting, a line each

  [[nodiscard]] const Origin& origin(std::string_view path) const;
  [[nodiscard]] Origin& origin(std::string_view path);
};

// The working directory as the shell sees it: $PWD when that is true, so that a symlinked release stays a symlink.
std::string working_directory();

// Merges and validates values; looks at no file but askr.toml (`--config`, else ./askr.toml when there is one).
// Errors are one line per mistake, exit code 2.
Result<Loaded> load(const CommandLine& line, const Environment& environment, const std::string& folder);

// What has to exist: root, front controller or worker script, the folders of spool files, logs and the
// control socket. Errors are one line
// per mistake, exit code 2.
Result<> check_files(const Loaded& loaded);

// askr.toml as it would have to be for the same settings, one dotted key per line (so that grep finds the whole of it),
// with the origin of each value as a comment.
std::string effective_toml(const Loaded& loaded);

}  // namespace askr::config
