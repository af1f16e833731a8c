// Process titles: `ps` shows "askr: worker 3" instead of the command line.
#pragma once

#include <string_view>

namespace askr::process {

// Finds the room that a title may use: the memory of the arguments and the environment, which moves elsewhere. Nothing
// of the environment stays there, where /proc would show it to all processes of this user, its secrets included. Called
// once, first thing in main().
void init_titles(int argc, char** argv);
// Sets this process's title; cut to the room there is. Does nothing without init_titles().
void set_title(std::string_view title);

}  // namespace askr::process
