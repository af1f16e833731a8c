// --help, made from the list of commands and the option table; no line is longer than 79 columns.
#pragma once

#include <string>

#include "cli/command.hpp"

namespace askr::cli {

std::string main_help();
std::string command_help(const Command& command);

}  // namespace askr::cli
