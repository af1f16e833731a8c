// The script of a request as a file: is it there, and which directory is it in.
#pragma once

#include <string>

namespace askr::php {

enum class ScriptCheck { ready, missing, denied };

// Looks at the file at most once a second per path, so a busy script costs no system call.
ScriptCheck check_script(const std::string& path);

// Makes the directory of `path` the working directory, as php-fpm does for each request, also after a script called
// chdir(). Costs no system call when it is already and check_script() has found that out less than a second ago:
// between two looks at its file, a script may run in a directory that has just been replaced.
void enter_directory_of(const std::string& path);

// Whether PHP's chdir() was called since it has started, wherever it led to.
[[nodiscard]] bool was_chdir_called();

// Puts a note-taker in front of PHP's chdir(). Called once, after PHP has started.
void watch_directory_changes();

}  // namespace askr::php
