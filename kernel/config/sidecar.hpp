// What askr.toml and flags share about sidecars: how one is written, and what a list of them has to be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/settings.hpp"

namespace askr::config {

// "NAME=COMMAND", the command for the shell.
Result<SidecarSettings> parse_sidecar(std::string_view text);

// Errors: a name that is empty, strange or there already; no command.
Result<> add_sidecar(std::vector<SidecarSettings>& sidecars, SidecarSettings added);

// As askr.toml takes it in one line: [{ name = "mail", command = "sendmail -q", folder = "/srv" }].
std::string format_sidecars(const std::vector<SidecarSettings>& sidecars);

}  // namespace askr::config
